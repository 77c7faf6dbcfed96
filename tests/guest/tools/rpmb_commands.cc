// SPDX-License-Identifier: Apache-2.0
// rpmb-commands DEVICE COMMAND... - the ioctls of an RPMB partition, one by one, in a guest
//
//   read ADDRESS COUNT   a read; prints "ok RESULT BYTE..." with the first byte of each block
//   singly               a write, its result and a read, each command an ioctl of its own
//   configuration        reads the device configuration; prints "ok RESULT enable=N config=N"
//   write FILE           sends the frame in the file as a write; prints "ok RESULT"
//   result               asks for a result without having written anything
//   mistakes             everything that is wrong; prints NAME ERROR in each line
//   interrupt ADDRESS    a read that a signal interrupts, whose handler restarts system calls
//   linger               reads the counter until there is no device, prints each change of the
//                        outcome, and keeps the file open until SIGTERM
//   many ADDRESS COUNT   processes that read at a time, 100 reads each; prints how many failed
//
// An ioctl that fails prints the name of its error. Static: it brings no libraries along.

#include <fcntl.h>
#include <linux/mmc/ioctl.h>
#include <linux/virtio_rpmb.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

constexpr int kReliable = static_cast<int>(1U << 31 | 1);

using Frame = virtio_rpmb_frame;

template <typename Field>
void store(Field& field, uint32_t value) {
  auto* const bytes = reinterpret_cast<uint8_t*>(&field);
  for (size_t i = sizeof(Field); i-- > 0; value >>= 8) bytes[i] = static_cast<uint8_t>(value);
}

uint16_t load(const __be16& field) {
  const auto* const bytes = reinterpret_cast<const uint8_t*>(&field);
  return static_cast<uint16_t>(bytes[0] << 8 | bytes[1]);
}

Frame request(uint16_t type, uint16_t address = 0, uint16_t count = 0) {
  Frame frame{};
  store(frame.req_resp, type);
  store(frame.address, address);
  store(frame.block_count, count);
  return frame;
}

mmc_ioc_cmd command(int write_flag, const Frame* frames, uint32_t count) {
  mmc_ioc_cmd cmd{};
  cmd.write_flag = write_flag;
  cmd.opcode = write_flag != 0 ? 25 : 18;
  cmd.blksz = sizeof(Frame);
  cmd.blocks = count;
  cmd.data_ptr = reinterpret_cast<uintptr_t>(frames);
  return cmd;
}

const char* result(int status) { return status == 0 ? "ok" : strerrorname_np(errno); }

const char* one(int fd, mmc_ioc_cmd cmd) { return result(ioctl(fd, MMC_IOC_CMD, &cmd)); }

// As the ioctl takes them: a number and what it counts.
class Commands {
 public:
  explicit Commands(const std::vector<mmc_ioc_cmd>& cmds)
      : bytes_(sizeof(uint64_t) + cmds.size() * sizeof(mmc_ioc_cmd)) {
    head()->num_of_cmds = cmds.size();
    if (!cmds.empty()) std::memcpy(head()->cmds, cmds.data(), cmds.size() * sizeof(mmc_ioc_cmd));
  }
  mmc_ioc_multi_cmd* head() { return reinterpret_cast<mmc_ioc_multi_cmd*>(bytes_.data()); }

 private:
  std::vector<uint8_t> bytes_;
};

const char* all(int fd, const std::vector<mmc_ioc_cmd>& cmds) {
  Commands commands(cmds);
  return result(ioctl(fd, MMC_IOC_MULTI_CMD, commands.head()));
}

const char* read_blocks(int fd, uint16_t address, std::vector<Frame>& blocks) {
  const Frame asked = request(VIRTIO_RPMB_REQ_DATA_READ, address);
  return all(
      fd, {command(1, &asked, 1), command(0, blocks.data(), static_cast<uint32_t>(blocks.size()))});
}

int read(int fd, uint16_t address, uint16_t count) {
  std::vector<Frame> blocks(count);
  const std::string status = read_blocks(fd, address, blocks);
  std::printf("%s", status.c_str());
  if (status == "ok") {
    std::printf(" %u", load(blocks.back().result));
    for (const Frame& block : blocks) std::printf(" %02x", block.data[0]);
  }
  std::printf("\n");
  return 0;
}

// The registers lie at the end of a block, the first one last.
int configuration(int fd) {
  const Frame asked = request(VIRTIO_RPMB_REQ_CONFIG_READ);
  Frame response{};
  std::printf("%s", all(fd, {command(1, &asked, 1), command(0, &response, 1)}));
  std::printf(" %u enable=%u config=%u\n", load(response.result), response.data[255],
              response.data[254]);
  return 0;
}

int singly(int fd) {
  const Frame write = request(VIRTIO_RPMB_REQ_DATA_WRITE, 0, 1);
  const Frame result_read = request(VIRTIO_RPMB_REQ_RESULT_READ);
  const Frame read = request(VIRTIO_RPMB_REQ_DATA_READ, 7);
  std::array<Frame, 2> response{};
  std::printf("write %s\n", one(fd, command(kReliable, &write, 1)));
  std::printf("result-read %s\n", one(fd, command(1, &result_read, 1)));
  std::printf("response %s", one(fd, command(0, response.data(), 1)));
  std::printf(" %04x %u\n", load(response[0].req_resp), load(response[0].result));
  std::printf("read %s\n", one(fd, command(1, &read, 1)));
  mmc_ioc_cmd cmd = command(0, response.data(), 2);
  std::printf("data %s", result(ioctl(fd, MMC_IOC_CMD, &cmd)));
  std::printf(" %02x %02x response %08x\n", response[0].data[0], response[1].data[0],
              cmd.response[0]);
  return 0;
}

int write_file(int fd, const char* file) {
  Frame frame{};
  const int from = open(file, O_RDONLY | O_CLOEXEC);
  if (from < 0 || ::read(from, &frame, sizeof frame) != sizeof frame) {
    std::printf("%s is no frame\n", file);
    return 2;
  }
  const Frame result_read = request(VIRTIO_RPMB_REQ_RESULT_READ);
  Frame response{};
  std::printf("%s", all(fd, {command(kReliable, &frame, 1), command(1, &result_read, 1),
                             command(0, &response, 1)}));
  std::printf(" %u\n", load(response.result));
  return 0;
}

int result_alone(int fd) {
  const Frame result_read = request(VIRTIO_RPMB_REQ_RESULT_READ);
  Frame response{};
  std::printf("%s", all(fd, {command(1, &result_read, 1), command(0, &response, 1)}));
  std::printf(" %04x\n", load(response.req_resp));
  return 0;
}

// What is wrong with one command.
void wrong_command(int fd, const char* name, void (*spoil)(mmc_ioc_cmd&)) {
  static const Frame kCounter = request(VIRTIO_RPMB_REQ_GET_WRITE_COUNTER);
  mmc_ioc_cmd cmd = command(1, &kCounter, 1);
  spoil(cmd);
  std::printf("%s %s\n", name, one(fd, cmd));
}

void wrong_request(int fd, const char* name, Frame first, uint32_t count) {
  std::vector<Frame> frames(count, first);
  std::printf("%s %s\n", name, one(fd, command(kReliable, frames.data(), count)));
}

int mistakes(int fd) {
  void* const hole = mmap(nullptr, 1 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  static uint64_t nowhere;
  nowhere = reinterpret_cast<uintptr_t>(hole);
  const Frame write = request(VIRTIO_RPMB_REQ_DATA_WRITE, 0, 1);
  Frame response{};

  std::printf("unknown-ioctl %s\n", result(ioctl(fd, _IO('x', 1), 0)));
  std::printf("faulting-command %s\n", result(ioctl(fd, MMC_IOC_CMD, hole)));
  std::printf("faulting-commands %s\n", result(ioctl(fd, MMC_IOC_MULTI_CMD, hole)));
  std::printf("no-commands %s\n", all(fd, {}));
  Commands too_many({command(1, &write, 1)});
  too_many.head()->num_of_cmds = MMC_IOC_MAX_CMDS + 1;
  std::printf("too-many-commands %s\n", result(ioctl(fd, MMC_IOC_MULTI_CMD, too_many.head())));
  too_many.head()->num_of_cmds = ~uint64_t{0};
  std::printf("endless-commands %s\n", result(ioctl(fd, MMC_IOC_MULTI_CMD, too_many.head())));

  wrong_command(fd, "faulting-data", [](mmc_ioc_cmd& cmd) { cmd.data_ptr = nowhere; });
  wrong_command(fd, "kernel-data", [](mmc_ioc_cmd& cmd) { cmd.data_ptr = ~uint64_t{0} << 40; });
  wrong_command(fd, "small-frame", [](mmc_ioc_cmd& cmd) { cmd.blksz = 511; });
  wrong_command(fd, "large-frame", [](mmc_ioc_cmd& cmd) { cmd.blksz = 1024; });
  wrong_command(fd, "no-frame", [](mmc_ioc_cmd& cmd) { cmd.blocks = 0; });
  wrong_command(fd, "1024-frames", [](mmc_ioc_cmd& cmd) { cmd.blocks = 1024; });
  wrong_command(fd, "1025-frames", [](mmc_ioc_cmd& cmd) { cmd.blocks = 1025; });
  wrong_command(fd, "endless-frames", [](mmc_ioc_cmd& cmd) { cmd.blocks = ~0U; });
  wrong_command(fd, "endless-size", [](mmc_ioc_cmd& cmd) { cmd.blksz = cmd.blocks = ~0U; });
  wrong_command(fd, "unknown-opcode", [](mmc_ioc_cmd& cmd) { cmd.opcode = 24; });
  wrong_command(fd, "application-command", [](mmc_ioc_cmd& cmd) { cmd.is_acmd = 1; });
  wrong_command(fd, "wrong-direction", [](mmc_ioc_cmd& cmd) { cmd.write_flag = 0; });
  wrong_request(fd, "unknown-request", request(0x77), 1);
  wrong_request(fd, "two-keys", request(VIRTIO_RPMB_REQ_PROGRAM_KEY), 2);
  wrong_request(fd, "two-reads", request(VIRTIO_RPMB_REQ_DATA_READ), 2);
  wrong_request(fd, "17-blocks", request(VIRTIO_RPMB_REQ_DATA_WRITE, 0, 17), 17);
  std::printf("read-of-nothing %s\n", one(fd, command(0, &response, 1)));

  // A mistake at the end: nothing of it is done.
  const Frame result_read = request(VIRTIO_RPMB_REQ_RESULT_READ);
  mmc_ioc_cmd last = command(0, &response, 1);
  last.data_ptr = nowhere;
  std::printf("faulting-response %s\n",
              all(fd, {command(kReliable, &write, 1), command(1, &result_read, 1), last}));
  return 0;
}

int interrupt(int fd, uint16_t address) {
  struct sigaction action {};
  action.sa_handler = [](int) {};
  action.sa_flags = SA_RESTART;
  sigaction(SIGALRM, &action, nullptr);
  const itimerval soon{{0, 0}, {0, 200'000}};
  setitimer(ITIMER_REAL, &soon, nullptr);
  return read(fd, address, 1);
}

int linger(int fd) {
  const Frame counter = request(VIRTIO_RPMB_REQ_GET_WRITE_COUNTER);
  Frame response{};
  const std::vector<mmc_ioc_cmd> cmds{command(1, &counter, 1), command(0, &response, 1)};
  std::string before;
  for (std::string status; status != "ENODEV"; before = status) {
    status = all(fd, cmds);
    if (status == before) continue;
    std::printf("%s\n", status.c_str());
    std::fflush(stdout);
  }
  std::printf("end\n");
  std::fflush(stdout);
  pause();
  return 0;
}

int many(const char* device, uint16_t address, int processes) {
  constexpr int kReads = 100;
  for (int i = 0; i < processes; ++i) {
    if (fork() != 0) continue;
    const int fd = open(device, O_RDWR | O_CLOEXEC);
    const auto mine = static_cast<uint16_t>(address + i);
    std::vector<Frame> blocks(static_cast<size_t>(1 + i % 16));
    bool good = fd >= 0;
    for (int n = 0; n < kReads && good; ++n) {
      good = std::strcmp(read_blocks(fd, mine, blocks), "ok") == 0;
      for (size_t k = 0; k < blocks.size() && good; ++k)
        good = blocks[k].data[0] == static_cast<uint8_t>(mine + k) && load(blocks[k].result) == 0;
    }
    _exit(good ? 0 : 1);
  }
  int failed = 0;
  for (int status = 0; wait(&status) > 0;) failed += status != 0 ? 1 : 0;
  std::printf("%d failed\n", failed);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const auto number = [&](int i) {
    return static_cast<uint16_t>(argc > i ? std::strtoul(argv[i], nullptr, 0) : 0);
  };
  const std::string what = argc > 2 ? argv[2] : "";
  if (what == "many") return many(argv[1], number(3), number(4));
  const int fd = argc > 2 ? open(argv[1], O_RDWR | O_CLOEXEC) : -1;
  if (fd < 0) {
    std::printf("%s\n", argc > 2 ? strerrorname_np(errno) : "usage: rpmb-commands DEVICE COMMAND");
    return 2;
  }
  if (what == "read") return read(fd, number(3), number(4));
  if (what == "write" && argc > 3) return write_file(fd, argv[3]);
  if (what == "configuration") return configuration(fd);
  if (what == "singly") return singly(fd);
  if (what == "result") return result_alone(fd);
  if (what == "mistakes") return mistakes(fd);
  if (what == "interrupt") return interrupt(fd, number(3));
  if (what == "linger") return linger(fd);
  std::printf("no command %s\n", what.c_str());
  return 2;
}
