// SPDX-License-Identifier: Apache-2.0

#include "harness/guest.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <sstream>

#include "harness/error.h"

namespace stratos::guest {

namespace {

// `tsc` to `mitigations` only save time under emulation.
constexpr const char* kKernelArguments =
    "console=ttyS0 ignore_loglevel panic=-1 oops=panic tsc=reliable no_timer_check "
    "random.trust_cpu=on mitigations=off";

// All CPUs of a guest take turns in one thread. With a thread for each, QEMU lets one CPU run
// into the breakpoint of a static key that another one has just finished to patch, more often
// the busier this computer is: the guest dies of an int3, at boot or whenever a socket wants
// timestamps.
constexpr const char* kAccelerator = "tcg,thread=single";

}  // namespace

std::vector<std::string> Output::lines() const {
  std::vector<std::string> all;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) all.push_back(line);
  return all;
}

Job::Job(Guest& guest, Agent::JobId id, std::string command)
    : guest_(&guest), id_(id), command_(std::move(command)) {}

Output Job::wait(Timeout timeout) {
  const auto state = guest_->agent_->wait(
      id_, in(timeout), [](const Agent::JobState& job) { return job.status.has_value(); });
  if (!state) guest_->fail(fmt::format("`{}` did not end; it printed:\n{}", command_, text()));
  return {.status = *state->status, .text = state->text};
}

void Job::wait_for(const std::string& wanted, Timeout timeout) {
  const auto state = guest_->agent_->wait(id_, in(timeout), [&](const Agent::JobState& job) {
    return job.text.find(wanted) != std::string::npos;
  });
  if (!state || state->text.find(wanted) == std::string::npos)
    guest_->fail(fmt::format("`{}` did not print `{}` but:\n{}", command_, wanted, text()));
}

Output Job::stop(const std::string& signal) {
  guest_->run(fmt::format("kill -{} {}", signal, pid_));
  return wait();
}

std::string Job::text() { return guest_->agent_->state(id_).text; }

Guest::Guest(Options options)
    : options_(std::move(options)), log_(options_.logs / (options_.name + ".console")) {
  std::array<int, 2> ends;
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
    throw HarnessError("socketpair failed");
  machine_ =
      std::make_unique<Program>(Program::Options{.argv = command_line(ends[1]),
                                                 .log = options_.logs / (options_.name + ".qemu"),
                                                 .inherited = {ends[1]}});
  close(ends[1]);
  agent_ = std::make_unique<Agent>(ends[0]);
}

Guest::~Guest() = default;

std::vector<std::string> Guest::command_line(int agent_fd) const {
  const Kernel& kernel = options_.kernel;
  std::vector<std::string> argv = {
      options_.vhost_user.empty() ? "qemu-system-x86_64" : vhost_user_qemu().string(), "-accel",
      kAccelerator, "-cpu", "max", "-nodefaults", "-no-user-config", "-no-reboot", "-display",
      "none",
      // What a guest does not need it does not spend time to find.
      "-machine", "q35,sata=off,smbus=off,usb=off", "-smp", std::to_string(options_.cpus), "-m",
      std::to_string(options_.memory_mib), "-kernel", kernel.image, "-initrd", kernel.initramfs,
      "-append", fmt::format("{} stratos.name={}", kKernelArguments, options_.name), "-chardev",
      fmt::format("file,id=console,path={}", log_.path().string()), "-serial", "chardev:console",
      "-chardev", fmt::format("socket,id=agent,fd={}", agent_fd), "-serial", "chardev:agent"};
  for (size_t i = 0; i < options_.links.size(); ++i) {
    argv.insert(argv.end(),
                {"-chardev", fmt::format("socket,id=link{},path={}", i, options_.links[i].string()),
                 "-device", fmt::format("ivshmem-doorbell,chardev=link{},vectors=1", i)});
  }
  if (!options_.vhost_user.empty()) {
    const auto devices = vhost_user_arguments(options_.vhost_user, options_.memory_mib);
    argv.insert(argv.end(), devices.begin(), devices.end());
  }
  argv.insert(argv.end(), options_.qemu.begin(), options_.qemu.end());
  return argv;
}

bool Guest::alive() { return machine_->running(); }

void Guest::wait_ready(Timeout timeout) {
  if (!agent_->wait_ready(in(timeout))) fail("did not boot");
}

Output Guest::run(const std::string& command, Timeout timeout) {
  wait_ready();
  Job job(*this, agent_->start(command), command);
  return job.wait(timeout);
}

Output Guest::must(const std::string& command, Timeout timeout) {
  Output output = run(command, timeout);
  if (output.status != 0)
    fail(fmt::format("`{}` ended with {}:\n{}", command, output.status, output.text));
  return output;
}

Job Guest::start(const std::string& program) {
  wait_ready();
  Job job(*this, agent_->start("exec " + program), program);
  const auto started =
      agent_->wait(job.id_, in(std::chrono::seconds(30)),
                   [](const Agent::JobState& state) { return state.pid.has_value(); });
  if (!started) fail(fmt::format("`{}` did not start", program));
  job.pid_ = *started->pid;
  return job;
}

void Guest::insmod(const std::string& module, const std::string& parameters) {
  must(fmt::format("modprobe {} {}", module, parameters));
}

void Guest::rmmod(const std::string& module) { must("rmmod " + module); }

bool Guest::has_module(const std::string& module) {
  return run("test -d /sys/module/" + module).status == 0;
}

void Guest::write(const std::string& path, const std::string& text) {
  std::string octal;
  for (const char byte : text) octal += fmt::format("\\0{:03o}", static_cast<unsigned char>(byte));
  must(fmt::format("mkdir -p $(dirname {0}) && printf %b '{1}' >{0}", path, octal));
}

void Guest::wait_for_path(const std::string& path, Timeout timeout) {
  // The guest looks: sysfs reports nothing of what appears in it.
  must(fmt::format("i=0; until [ -e {0} ]; do i=$((i+1)); [ $i -le {1} ] || "
                   "{{ echo no {0}; exit 1; }}; usleep 20000; done",
                   path, timeout.count() / 20),
       timeout + std::chrono::seconds(20));
}

void Guest::settle() {
  const std::string mark = fmt::format("stratos-mark-{}", ++marks_);
  must(fmt::format("echo {} >/dev/kmsg", mark));
  if (!log_.wait_for(mark, in(std::chrono::seconds(20)))) fail("its console is stuck");
}

void Guest::power_off() {
  wait_ready();
  agent_->start("poweroff -f");
  if (!machine_->wait(in(std::chrono::seconds(30)))) fail("did not switch off");
}

void Guest::kill() { machine_->stop(SIGKILL); }

void Guest::fail(const std::string& what) const {
  std::string text =
      fmt::format("guest {}: {}\nlast lines of {}:\n", options_.name, what, log_.path().string());
  for (const std::string& line : log_.tail(15)) text += "  " + line + "\n";
  throw HarnessError(text);
}

}  // namespace stratos::guest
