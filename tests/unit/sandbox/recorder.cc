// SPDX-License-Identifier: Apache-2.0
#include "sandbox/recorder.h"

#include <elf.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>

#include "runtime/unique_fd.h"

namespace stratos::test {
namespace {

constexpr long kOptions = PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL | PTRACE_O_TRACEFORK |
                          PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC;
// A stop of the option TRACESYSGOOD.
constexpr int kSystemCall = SIGTRAP | 0x80;

using File = std::unique_ptr<FILE, int (*)(FILE*)>;

std::string name_of(uint64_t number) {
  const std::unique_ptr<char, void (*)(void*)> name(
      seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, static_cast<int>(number)), std::free);
  return name ? name.get() : "call " + std::to_string(number);
}

// A number of a thread in /proc/<thread>/status; 0 if the thread is gone.
pid_t number_of(pid_t thread, std::string_view key) {
  std::ifstream status("/proc/" + std::to_string(thread) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(key)) return std::atoi(&line[key.size()]);
  }
  return 0;
}

__ptrace_syscall_info look_at(pid_t thread) {
  __ptrace_syscall_info info{};
  ptrace(PTRACE_GET_SYSCALL_INFO, thread, sizeof(info), &info);
  return info;
}

// A program that just begins finds its vDSO by the vector behind its arguments and its
// environment.
void hide_vdso(pid_t process) {
  uint64_t at = look_at(process).stack_pointer + sizeof(long);
  const auto next = [&] {
    const long word = ptrace(PTRACE_PEEKDATA, process, at, nullptr);
    at += sizeof(word);
    return word;
  };
  while (next() != 0) continue;
  while (next() != 0) continue;
  for (long type; (type = next()) != AT_NULL; next()) {
    if (type != AT_SYSINFO_EHDR) continue;
    ptrace(PTRACE_POKEDATA, process, at - sizeof(type), AT_IGNORE);
  }
}

class Recorder {
 public:
  Recorder(const std::string& program, std::set<std::string>& calls)
      : program_(program), calls_(calls) {}

  // Until nobody is left; how `first` ended.
  int follow(pid_t first) {
    int result = -1;
    for (int status = 0;;) {
      const pid_t thread = waitpid(-1, &status, __WALL);
      if (thread < 0 && errno == EINTR) continue;
      if (thread < 0) return result;
      if (WIFSTOPPED(status)) {
        on_stop(thread, status);
      } else {
        threads_.erase(thread);
        if (thread == first) result = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
      }
    }
  }

 private:
  struct Process {
    bool watched = false;
    bool filtered = false;
  };
  struct Thread {
    std::shared_ptr<Process> process;
    bool loads_filter = false;  // its system call does, if it succeeds
  };

  // A thread is of its process; a new process begins as its parent.
  Thread& known(pid_t id) {
    const auto [found, added] = threads_.try_emplace(id);
    if (!added) return found->second;
    std::shared_ptr<Process>& process = found->second.process;
    if (const pid_t leader = number_of(id, "Tgid:"); leader != id && threads_.contains(leader)) {
      process = threads_[leader].process;
    } else if (const pid_t parent = number_of(id, "PPid:"); threads_.contains(parent)) {
      process = std::make_shared<Process>(*threads_[parent].process);
    } else {
      process = std::make_shared<Process>();
    }
    return found->second;
  }

  void on_stop(pid_t id, int status) {
    Thread& thread = known(id);
    const int signal = WSTOPSIG(status);
    const int event = status >> 16;
    if (event == PTRACE_EVENT_STOP && signal != SIGTRAP) {
      ptrace(PTRACE_LISTEN, id, 0, 0);  // stopped, until SIGCONT
      return;
    }
    int deliver = 0;
    if (signal == kSystemCall) {
      on_system_call(id, thread);
    } else if (event == PTRACE_EVENT_EXEC) {
      on_execute(id, thread);
    } else if (event == 0) {
      deliver = signal;
    }
    // Others run at their own pace.
    ptrace(thread.process->watched ? PTRACE_SYSCALL : PTRACE_CONT, id, 0, deliver);
  }

  void on_execute(pid_t id, Thread& thread) {
    std::error_code error;
    const auto path = std::filesystem::read_symlink("/proc/" + std::to_string(id) + "/exe", error);
    thread = {.process = std::make_shared<Process>()};
    thread.process->watched = path == program_;
    if (thread.process->watched) hide_vdso(id);
  }

  void on_system_call(pid_t id, Thread& thread) {
    const __ptrace_syscall_info info = look_at(id);
    if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
      if (thread.process->filtered) calls_.insert(name_of(info.entry.nr));
      thread.loads_filter =
          info.entry.nr == SYS_seccomp && info.entry.args[0] == SECCOMP_SET_MODE_FILTER;
    } else if (info.op == PTRACE_SYSCALL_INFO_EXIT) {
      if (thread.loads_filter && info.exit.rval == 0) thread.process->filtered = true;
    }
  }

  const std::string& program_;
  std::set<std::string>& calls_;
  std::map<pid_t, Thread> threads_;
};

// A child that executes `command` once something comes through `go`.
pid_t prepare(const std::vector<std::string>& command, int go, int output) {
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const pid_t child = fork();
  if (child != 0) return child;
  char letter = 0;
  if (read(go, &letter, 1) != 1) _exit(1);
  dup2(output, STDOUT_FILENO);
  dup2(output, STDERR_FILENO);
  execv(arguments[0], arguments.data());
  _exit(127);
}

std::string content(FILE* file) {
  std::rewind(file);
  std::string text;
  std::array<char, 4096> piece;
  for (size_t got; (got = std::fread(piece.data(), 1, piece.size(), file)) > 0;) {
    text.append(piece.data(), got);
  }
  return text;
}

}  // namespace

std::optional<Recording> record(const std::vector<std::string>& command,
                                const std::string& program) {
  std::array<int, 2> ends{};
  const File output(std::tmpfile(), std::fclose);
  if (!output || pipe2(ends.data(), O_CLOEXEC) != 0) std::abort();
  const runtime::UniqueFd wait(ends[0]);
  runtime::UniqueFd go(ends[1]);
  const pid_t child = prepare(command, wait.get(), fileno(output.get()));
  if (ptrace(PTRACE_SEIZE, child, 0, kOptions) != 0) {
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    return std::nullopt;
  }
  if (write(go.get(), "!", 1) != 1) std::abort();
  Recording recording;
  recording.exit_code = Recorder(program, recording.calls).follow(child);
  recording.output = content(output.get());
  return recording;
}

}  // namespace stratos::test
