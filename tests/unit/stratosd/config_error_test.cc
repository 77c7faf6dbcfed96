// SPDX-License-Identifier: Apache-2.0
// Every mistake in a configuration, and the line that the operator reads.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "stratosd/config.h"

namespace stratos::daemon {
namespace {

using ::testing::ElementsAre;

// Six lines that are right, to be followed by the mistake.
const std::string kGood =
    "[[link]]\n"
    "name = \"a\"\n"
    "type = \"shm\"\n"
    "socket = \"/run/a\"\n"
    "[[bus]]\n"
    "name = \"b\"\n"
    "type = \"virtual\"\n";

const std::string kVhostUser =
    "[[link]]\nname = \"a\"\ntype = \"vhost-user\"\nsocket = \"/run/a\"\n";

const std::string kLongPath = "/" + std::string(107, 'x');

struct Mistake {
  const char* name;
  std::string text;
  std::string message;
};

class ConfigErrorTest : public ::testing::TestWithParam<Mistake> {};

std::string name_of(const ::testing::TestParamInfo<Mistake>& mistake) { return mistake.param.name; }

TEST_P(ConfigErrorTest, IsOneLine) {
  const auto config = parse_config(GetParam().text, "f.toml");
  ASSERT_FALSE(config.has_value());
  EXPECT_THAT(config.error(), ElementsAre(GetParam().message));
}

const Mistake kDaemonMistakes[] = {
    {"EmptyFile", "", "f.toml:0: link: is missing; describe at least one [[link]]"},
    {"UnknownTable", kGood + "[[devise]]\n",
     "f.toml:8: devise: is no table of this file; did you mean \"device\"?"},
    {"StrangeTable", kGood + "[network]\n",
     "f.toml:8: network: is no table of this file; known tables are \"stratosd\", \"link\", "
     "\"bus\", \"device\""},
    {"DaemonIsList", kGood + "[[stratosd]]\n",
     "f.toml:8: stratosd: is no table; write [stratosd] once"},
    {"LinkIsTable", "[link]\nname = \"a\"\n",
     "f.toml:1: link: is no list of tables; write [[link]] above each"},
    {"UnknownDaemonKey", "[stratosd]\nlog_levle = \"info\"\n" + kGood,
     "f.toml:2: stratosd.log_levle: is not a key of [stratosd]; did you mean \"log_level\"?"},
    {"LogLevelUnknown", "[stratosd]\nlog_level = \"inof\"\n" + kGood,
     "f.toml:2: stratosd.log_level: \"inof\" is not known; did you mean \"info\"?"},
    {"LogLevelStrange", "[stratosd]\nlog_level = \"loudest\"\n" + kGood,
     "f.toml:2: stratosd.log_level: \"loudest\" is not known; write one of \"debug\", \"info\", "
     "\"warn\", \"error\""},
    {"PollTimeNegative", "[stratosd]\npoll_time_us = -1\n" + kGood,
     "f.toml:2: stratosd.poll_time_us: -1 is out of range; write a whole number from 0 to "
     "1000000"},
    {"PollTimeTooLong", "[stratosd]\npoll_time_us = 1000001\n" + kGood,
     "f.toml:2: stratosd.poll_time_us: 1000001 is out of range; write a whole number from 0 to "
     "1000000"},
    {"PollTimeIsText", "[stratosd]\npoll_time_us = \"50\"\n" + kGood,
     "f.toml:2: stratosd.poll_time_us: is of type string, not integer; write a whole number from "
     "0 to 1000000"},
    {"HubTimeoutTooShort", "[stratosd]\nhub_timeout_ms = 99\n" + kGood,
     "f.toml:2: stratosd.hub_timeout_ms: 99 is out of range; write a whole number from 100 to "
     "600000"},
    {"ControlSocketTooLong", "[stratosd]\ncontrol_socket = \"" + kLongPath + "\"\n" + kGood,
     "f.toml:2: stratosd.control_socket: is 108 bytes long; a socket path has at most 107"},
    {"UserIsNumber", "[stratosd]\nuser = 0\n" + kGood,
     "f.toml:2: stratosd.user: is of type integer, not string; write it in quotes"},
    {"SandboxUnknown", "[stratosd]\nsandbox = \"of\"\n" + kGood,
     "f.toml:2: stratosd.sandbox: \"of\" is not known; did you mean \"off\"?"},
};
INSTANTIATE_TEST_SUITE_P(Daemon, ConfigErrorTest, ::testing::ValuesIn(kDaemonMistakes), name_of);

const Mistake kLinkMistakes[] = {
    {"NoName", "[[link]]\ntype = \"shm\"\nsocket = \"/s\"\n",
     "f.toml:1: link.name: is missing; give it a name of its own"},
    {"EmptyName", "[[link]]\nname = \"\"\ntype = \"shm\"\nsocket = \"/s\"\n",
     "f.toml:2: link.name: is empty; write a value or leave the key out"},
    {"BadName", "[[link]]\nname = \"my link\"\ntype = \"shm\"\nsocket = \"/s\"\n",
     "f.toml:2: link.name: \"my link\" is no name; use 1 to 32 letters, digits, '_', '-' or '.'"},
    {"NoType", "[[link]]\nname = \"a\"\nsocket = \"/s\"\n",
     "f.toml:1: link.type: is missing; write one of \"shm\", \"uio\", \"loopback\", "
     "\"vhost-user\""},
    {"UnknownType", "[[link]]\nname = \"a\"\ntype = \"shmem\"\n",
     "f.toml:3: link.type: \"shmem\" is not known; write one of \"shm\", \"uio\", \"loopback\", "
     "\"vhost-user\""},
    {"NoSocket", "[[link]]\nname = \"a\"\ntype = \"shm\"\n",
     "f.toml:1: link.socket: is missing; write the path of the hub's device socket"},
    {"SocketHasZeroByte", "[[link]]\nname = \"a\"\ntype = \"shm\"\nsocket = \"a\\u0000b\"\n",
     "f.toml:4: link.socket: contains a zero byte; remove it"},
    {"NoSocketOfVhostUser", "[[link]]\nname = \"a\"\ntype = \"vhost-user\"\n",
     "f.toml:1: link.socket: is missing; write the path of the socket where front-end and stratosd "
     "meet"},
    {"VhostUserMode", kVhostUser + "mode = \"serve\"\n",
     "f.toml:5: link.mode: \"serve\" is not known; did you mean \"server\"?"},
    {"VhostUserRing", kVhostUser + "ring = \"round\"\n",
     "f.toml:5: link.ring: \"round\" is not known; write one of \"split\", \"packed\""},
    {"LayoutOfVhostUser", kVhostUser + "layout = \"L2\"\n",
     "f.toml:5: link.layout: is not a key of a [[link]] of type \"vhost-user\"; known keys are "
     "\"mode\", \"name\", \"ring\", \"socket\", \"state\", \"type\""},
    {"VhostUserWithoutDevice", kVhostUser,
     "f.toml:1: link.type: a link of type \"vhost-user\" has one [[device]], and \"a\" has 0; give "
     "each device a link of its own"},
    {"VhostUserNumber",
     kVhostUser +
         "[[bus]]\nname = \"b\"\ntype = \"virtual\"\n"
         "[[device]]\nname = \"d\"\ntype = \"can\"\nlink = \"a\"\nnumber = 3\nbus = \"b\"\n",
     "f.toml:8: device.number: 3 means nothing on a link of type \"vhost-user\"; write 0"},
    {"SocketOfUio", "[[link]]\nname = \"a\"\ntype = \"uio\"\nsocket = \"/s\"\n",
     "f.toml:4: link.socket: is not a key of a [[link]] of type \"uio\"; known keys are "
     "\"device\", \"layout\", \"name\", \"peer_timeout_ms\", \"ring\", \"type\""},
    {"UioDeviceNoPath", "[[link]]\nname = \"a\"\ntype = \"uio\"\ndevice = \"uio0\"\n",
     "f.toml:4: link.device: \"uio0\" is no device node; write \"auto\" or a path such as "
     "\"/dev/uio0\""},
    {"LoopbackSizeOdd", "[[link]]\nname = \"a\"\ntype = \"loopback\"\nsize = 1050000\n",
     "f.toml:4: link.size: 1050000 is no multiple of 65536; round it up"},
    {"LoopbackDeviceNoPath", "[[link]]\nname = \"a\"\ntype = \"loopback\"\ndevice = \"auto\"\n",
     "f.toml:4: link.device: \"auto\" is no device node; write a path such as "
     "\"/dev/virtio-msg-loopback\""},
    {"LoopbackSocket", "[[link]]\nname = \"a\"\ntype = \"loopback\"\nsocket = \"/s\"\n",
     "f.toml:4: link.socket: is not a key of a [[link]] of type \"loopback\"; known keys are "
     "\"device\", \"layout\", \"name\", \"peer_timeout_ms\", \"ring\", \"size\", \"type\""},
    {"PeerTimeoutTooShort", "[[link]]\nname = \"a\"\ntype = \"uio\"\npeer_timeout_ms = 999\n",
     "f.toml:4: link.peer_timeout_ms: 999 is out of range; write a whole number from 1000 to "
     "3600000"},
    {"UnknownLayout", "[[link]]\nname = \"a\"\ntype = \"uio\"\nlayout = \"L3\"\n",
     "f.toml:4: link.layout: \"L3\" is not known; write one of \"L2\", \"L1\""},
    {"UnknownRing", "[[link]]\nname = \"a\"\ntype = \"uio\"\nring = \"round\"\n",
     "f.toml:4: link.ring: \"round\" is not known; write one of \"packed\", \"split\""},
    {"SameName", kGood + "[[link]]\nname = \"a\"\ntype = \"uio\"\n",
     "f.toml:8: link.name: \"a\" is taken since line 1; give each a name of its own"},
    {"SameSocket", kGood + "[[link]]\nname = \"c\"\ntype = \"shm\"\nsocket = \"/run/a\"\n",
     "f.toml:8: link.socket: \"/run/a\" is taken since line 1; a link needs a socket of its own"},
    {"SameUioDevice",
     "[[link]]\nname = \"a\"\ntype = \"uio\"\ndevice = \"/dev/uio0\"\n"
     "[[link]]\nname = \"b\"\ntype = \"uio\"\ndevice = \"/dev/uio0\"\n",
     "f.toml:5: link.device: \"/dev/uio0\" is taken since line 1; a link needs a device of its "
     "own"},
};
INSTANTIATE_TEST_SUITE_P(Link, ConfigErrorTest, ::testing::ValuesIn(kLinkMistakes), name_of);

const Mistake kBusMistakes[] = {
    {"NoInterface", kGood + "[[bus]]\nname = \"c\"\ntype = \"socketcan\"\n",
     "f.toml:8: bus.interface: is missing; write the CAN interface, such as \"can0\""},
    {"InterfaceTooLong",
     kGood + "[[bus]]\nname = \"c\"\ntype = \"socketcan\"\ninterface = \"abcdefghijklmnop\"\n",
     "f.toml:11: bus.interface: \"abcdefghijklmnop\" is no interface name; it has at most 15 "
     "bytes"},
    {"BitrateTooHigh", kGood + "bitrate = 20_000_001\n",
     "f.toml:8: bus.bitrate: 20000001 is out of range; write a whole number from 0 to 20000000"},
    {"BitrateIsFloat", kGood + "bitrate = 5e5\n",
     "f.toml:8: bus.bitrate: is of type floating-point, not integer; write a whole number from 0 "
     "to 20000000"},
    {"UnknownType", kGood + "[[bus]]\nname = \"c\"\ntype = \"vritual\"\n",
     "f.toml:10: bus.type: \"vritual\" is not known; did you mean \"virtual\"?"},
    {"UnknownKey", kGood + "bit_rate = 500_000\n",
     "f.toml:8: bus.bit_rate: is not a key of a [[bus]] of type \"virtual\"; did you mean "
     "\"bitrate\"?"},
    {"RecordsWhatItReplays", kGood + "replay = \"x.log\"\nrecord = \"x.log\"\n",
     "f.toml:9: bus.record: is the file that is replayed; write another file"},
    {"UnknownRing", "[[link]]\nname = \"a\"\ntype = \"uio\"\nring = \"round\"\n",
     "f.toml:4: link.ring: \"round\" is not known; write one of \"packed\", \"split\""},
    {"SameName", kGood + "[[bus]]\nname = \"b\"\ntype = \"virtual\"\n",
     "f.toml:8: bus.name: \"b\" is taken since line 5; give each a name of its own"},
    {"SameRecord",
     kGood + "record = \"x\"\n[[bus]]\nname = \"c\"\ntype = \"virtual\"\nrecord = \"x\"\n",
     "f.toml:9: bus.record: \"x\" is taken since line 5; write another file"},
};
INSTANTIATE_TEST_SUITE_P(Bus, ConfigErrorTest, ::testing::ValuesIn(kBusMistakes), name_of);

// A device from line 8 on; what follows is on line 14.
std::string device(const std::string& name, int number, const std::string& more = "") {
  return "[[device]]\nname = \"" + name +
         "\"\ntype = \"can\"\nlink = \"a\"\nbus = \"b\"\nnumber = " + std::to_string(number) +
         "\n" + more;
}

const Mistake kDeviceMistakes[] = {
    {"NoType", kGood + "[[device]]\nname = \"d\"\nlink = \"a\"\nnumber = 0\nbus = \"b\"\n",
     "f.toml:8: device.type: is missing; write one of \"can\", \"rpmb\", \"rpmb-mmc\""},
    {"UnknownType",
     kGood + "[[device]]\nname = \"d\"\ntype = \"cam\"\nlink = \"a\"\nnumber = 0\nbus = \"b\"\n",
     "f.toml:10: device.type: \"cam\" is not known; did you mean \"can\"?"},
    {"NoLink", kGood + "[[device]]\nname = \"d\"\ntype = \"can\"\nnumber = 0\nbus = \"b\"\n",
     "f.toml:8: device.link: is missing; name a [[link]]"},
    {"NoNumber", kGood + "[[device]]\nname = \"d\"\ntype = \"can\"\nlink = \"a\"\nbus = \"b\"\n",
     "f.toml:8: device.number: is missing; write a whole number from 0 to 61"},
    {"NumberTooHigh", kGood + device("d", 62),
     "f.toml:13: device.number: 62 is out of range; write a whole number from 0 to 61"},
    {"NoBus", kGood + "[[device]]\nname = \"d\"\ntype = \"can\"\nlink = \"a\"\nnumber = 0\n",
     "f.toml:8: device.bus: is missing; name a [[bus]]"},
    {"LinkNotThere",
     kGood +
         "[[device]]\nname = \"d\"\ntype = \"can\"\nlink = \"guest\"\nnumber = 0\nbus = \"b\"\n",
     "f.toml:8: device.link: there is no [[link]] \"guest\"; write one of \"a\""},
    {"BusNotThere",
     kGood + "[[device]]\nname = \"d\"\ntype = \"can\"\nlink = \"a\"\nnumber = 0\nbus = \"can\"\n",
     "f.toml:8: device.bus: there is no [[bus]] \"can\"; write one of \"b\""},
    {"NoBusAtAll", "[[link]]\nname = \"a\"\ntype = \"uio\"\n" + device("d", 0),
     "f.toml:4: device.bus: there is no [[bus]] \"b\"; describe it in a [[bus]]"},
    {"MemoryNoSize", kGood + device("d", 0, "memory = \"1 MiB\"\n"),
     "f.toml:14: device.memory: \"1 MiB\" is no size; write a size from \"64K\" to \"1G\""},
    {"MemoryTooSmall", kGood + device("d", 0, "memory = \"4K\"\n"),
     "f.toml:14: device.memory: 4K is out of range; write a size from \"64K\" to \"1G\""},
    {"MemoryNegative", kGood + device("d", 0, "memory = -4096\n"),
     "f.toml:14: device.memory: -4096 is out of range; write a size from \"64K\" to \"1G\""},
    {"MemoryOverflows", kGood + device("d", 0, "memory = \"99999999999G\"\n"),
     "f.toml:14: device.memory: \"99999999999G\" is no size; write a size from \"64K\" to "
     "\"1G\""},
    {"MemoryUneven", kGood + device("d", 0, "memory = 1048577\n"),
     "f.toml:14: device.memory: 1048577 is no multiple of 4096; round it up"},
    {"MemoryIsBoolean", kGood + device("d", 0, "memory = true\n"),
     "f.toml:14: device.memory: is of type boolean, not size; write a size from \"64K\" to "
     "\"1G\""},
    {"FlagIsNumber", kGood + device("d", 0, "fd = 1\n"),
     "f.toml:14: device.fd: is of type integer, not boolean; write true or false"},
    {"QueueNoPowerOfTwo", kGood + device("d", 0, "tx_queue = 100\n"),
     "f.toml:14: device.tx_queue: 100 is no power of two; write 64 or 128"},
    {"QueueTooLong", kGood + device("d", 0, "rx_queue = 2048\n"),
     "f.toml:14: device.rx_queue: 2048 is out of range; write a whole number from 2 to 1024"},
    {"UnknownKey", kGood + device("d", 0, "late_tx_akc = true\n"),
     "f.toml:14: device.late_tx_akc: is not a key of a [[device]] of type \"can\"; did you mean "
     "\"late_tx_ack\"?"},
    {"SameNumber", kGood + device("d", 3) + device("e", 3),
     "f.toml:14: device.number: 3 is taken on link \"a\" by \"d\" since line 8; give each device "
     "of a link a number of its own"},
    {"UnknownRing", "[[link]]\nname = \"a\"\ntype = \"uio\"\nring = \"round\"\n",
     "f.toml:4: link.ring: \"round\" is not known; write one of \"packed\", \"split\""},
    {"SameName", kGood + device("d", 3) + device("d", 4),
     "f.toml:14: device.name: \"d\" is taken since line 8; give each a name of its own"},
};
INSTANTIATE_TEST_SUITE_P(Device, ConfigErrorTest, ::testing::ValuesIn(kDeviceMistakes), name_of);

// Six lines, from line 8 of a file that begins with kGood.
std::string rpmb(int number, const std::string& more) {
  return "[[device]]\nname = \"r" + std::to_string(number) +
         "\"\ntype = \"rpmb\"\nlink = \"a\"\nnumber = " + std::to_string(number) +
         "\nmemory = \"1M\"\n" + more;
}

const std::string kFiles = "store = \"/s/a\"\nanchor = \"/b/a\"\n";
const std::string kKeyed = kFiles + "key_file = \"/k\"\n";

const Mistake kRpmbMistakes[] = {
    {"NoStore", kGood + rpmb(0, "anchor = \"/b/a\"\nkey_file = \"/k\"\n"),
     "f.toml:8: device.store: is missing; write the path that stratos-rpmb created"},
    {"NoAnchor", kGood + rpmb(0, "store = \"/s/a\"\nkey_file = \"/k\"\n"),
     "f.toml:8: device.anchor: is missing; write the path that stratos-rpmb created"},
    {"AnchorIsStore",
     kGood + rpmb(0, "store = \"/s/a\"\nanchor = \"/s/x/../a\"\nkey_file = \"/k\"\n"),
     "f.toml:15: device.anchor: is the store itself; write another path, ideally on another "
     "disk"},
    {"NoKey", kGood + rpmb(0, kFiles),
     "f.toml:8: device.key_file: is missing; write the path of the sealing key, or "
     "key_credential"},
    {"TwoKeys", kGood + rpmb(0, kKeyed + "key_credential = \"k\"\n"),
     "f.toml:17: device.key_credential: is the second key; write key_file or key_credential"},
    {"NothingToWrite", kGood + rpmb(0, kKeyed + "max_write_blocks = 0\n"),
     "f.toml:17: device.max_write_blocks: 0 is out of range; write a whole number from 1 to 62"},
    {"TooMuchToWrite", kGood + rpmb(0, kKeyed + "max_write_blocks = 63\n"),
     "f.toml:17: device.max_write_blocks: 63 is out of range; write a whole number from 1 to 62"},
    {"TooMuchToRead", kGood + rpmb(0, kKeyed + "max_read_blocks = 64\n"),
     "f.toml:17: device.max_read_blocks: 64 is out of range; write a whole number from 1 to 63"},
    {"BusOfRpmb", kGood + rpmb(0, kKeyed + "bus = \"b\"\n"),
     "f.toml:17: device.bus: is not a key of a [[device]] of type \"rpmb\"; known keys are "
     "\"anchor\", \"device_configuration\", \"key_credential\", \"key_file\", \"link\", "
     "\"max_read_blocks\", \"max_write_blocks\", \"memory\", \"name\", \"number\", \"store\", "
     "\"type\""},
    {"SameStore",
     kGood + rpmb(0, kKeyed) +
         rpmb(1, "store = \"/s//./a\"\nanchor = \"/b/b\"\nkey_file = \"/k\"\n"),
     "f.toml:17: device.store: \"/s/a\" is the store of \"r0\" since line 8; give each device "
     "files of its own"},
    {"StoreIsAnotherAnchor",
     kGood + rpmb(0, kKeyed) + rpmb(1, "store = \"/b/a\"\nanchor = \"/b/b\"\nkey_file = \"/k\"\n"),
     "f.toml:17: device.store: \"/b/a\" is the anchor of \"r0\" since line 8; give each device "
     "files of its own"},
};
INSTANTIATE_TEST_SUITE_P(Rpmb, ConfigErrorTest, ::testing::ValuesIn(kRpmbMistakes), name_of);

// Five lines, from line 8 of a file that begins with kGood.
std::string rpmb_mmc(int number, const std::string& more) {
  return "[[device]]\nname = \"m" + std::to_string(number) +
         "\"\ntype = \"rpmb-mmc\"\nlink = \"a\"\nnumber = " + std::to_string(number) + "\n" + more;
}

const std::string kNode = "device = \"/dev/mmcblk0rpmb\"\n";

const Mistake kRpmbMmcMistakes[] = {
    {"NoNode", kGood + rpmb_mmc(0, ""),
     "f.toml:8: device.device: is missing; write a path such as \"/dev/mmcblk0rpmb\""},
    {"SizeBetweenUnits", kGood + rpmb_mmc(0, kNode + "capacity = \"192K\"\n"),
     "f.toml:14: device.capacity: is no multiple of 128K; write what the chip has"},
    {"TooLarge", kGood + rpmb_mmc(0, kNode + "capacity = \"17M\"\n"),
     "f.toml:14: device.capacity: 17M is out of range; write a size from \"128K\" to \"16M\""},
    {"NothingToWrite", kGood + rpmb_mmc(0, kNode + "max_write_blocks = 0\n"),
     "f.toml:14: device.max_write_blocks: 0 is out of range; write a whole number from 1 to 62"},
    {"TooMuchToRead", kGood + rpmb_mmc(0, kNode + "max_read_blocks = 64\n"),
     "f.toml:14: device.max_read_blocks: 64 is out of range; write a whole number from 1 to 63"},
    {"StoreOfAChip", kGood + rpmb_mmc(0, kNode + "store = \"/s/a\"\n"),
     "f.toml:14: device.store: is not a key of a [[device]] of type \"rpmb-mmc\"; known keys are "
     "\"capacity\", \"device\", \"link\", \"max_read_blocks\", \"max_write_blocks\", "
     "\"memory\", \"name\", \"number\", \"type\""},
    {"SameNode",
     kGood + rpmb_mmc(0, kNode) + rpmb_mmc(1, "device = \"/dev/../dev//mmcblk0rpmb\"\n"),
     "f.toml:14: device.device: \"/dev/mmcblk0rpmb\" is the device of \"m0\" since line 8; give "
     "each device files of its own"},
};
INSTANTIATE_TEST_SUITE_P(RpmbMmc, ConfigErrorTest, ::testing::ValuesIn(kRpmbMmcMistakes), name_of);

TEST(ConfigErrors, PartitionsWithAndWithoutLimitsAreRight) {
  const auto config = parse_config(
      kGood + rpmb_mmc(0, kNode) +
          rpmb_mmc(1,
                   "device = \"/dev/vrpmb0\"\ncapacity = \"16M\"\nmax_write_blocks = 62\n"
                   "max_read_blocks = 63\n"),
      "f.toml");
  ASSERT_TRUE(config.has_value()) << config.error()[0];
  EXPECT_EQ(config->devices.size(), 2U);
}

TEST(ConfigErrors, RpmbDevicesWithStoresOfTheirOwnAreRight) {
  const auto config = parse_config(
      kGood + rpmb(0, kKeyed) +
          rpmb(1,
               "store = \"/s/b\"\nanchor = \"/b/b\"\nkey_credential = \"k\"\n"
               "max_write_blocks = 62\nmax_read_blocks = 63\ndevice_configuration = true\n"),
      "f.toml");
  ASSERT_TRUE(config.has_value()) << config.error()[0];
  EXPECT_EQ(config->devices.size(), 2U);
}

TEST(ConfigErrors, SyntaxNamesTheLine) {
  const auto config = parse_config(kGood + "bitrate = \n", "f.toml");
  ASSERT_FALSE(config.has_value());
  ASSERT_EQ(config.error().size(), 1u);
  EXPECT_TRUE(config.error()[0].starts_with("f.toml:8: syntax: ")) << config.error()[0];
  EXPECT_TRUE(config.error()[0].ends_with("; correct the TOML")) << config.error()[0];
  EXPECT_EQ(config.error()[0].find('\n'), std::string::npos);
}

TEST(ConfigErrors, MissingFileSaysWhy) {
  const auto config = load_config("/nowhere/stratosd.toml");
  ASSERT_FALSE(config.has_value());
  EXPECT_THAT(config.error(),
              ElementsAre("/nowhere/stratosd.toml:0: file: cannot be read (No such file or "
                          "directory); give the path of a readable file"));
}

TEST(ConfigErrors, AllAreShownInTheOrderOfTheFile) {
  const auto config = parse_config(
      "[[link]]\nname = \"a\"\ntype = \"tcp\"\n[stratosd]\npoll_time_us = 1.5\ncolour = 1\n", "f");
  ASSERT_FALSE(config.has_value());
  EXPECT_THAT(config.error(),
              ElementsAre("f:3: link.type: \"tcp\" is not known; write one of \"shm\", \"uio\", "
                          "\"loopback\", \"vhost-user\"",
                          "f:5: stratosd.poll_time_us: is of type floating-point, not integer; "
                          "write a whole number from 0 to 1000000",
                          "f:6: stratosd.colour: is not a key of [stratosd]; known keys are "
                          "\"control_socket\", \"group\", \"hub_timeout_ms\", \"log_level\", "
                          "\"poll_time_us\", \"sandbox\", \"user\""));
}

}  // namespace
}  // namespace stratos::daemon
