// SPDX-License-Identifier: Apache-2.0
#include "stratosd/subprocess.h"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <stdexcept>

extern char** environ;

namespace stratos::test {
namespace {

std::string read_all(FILE* file) {
  std::rewind(file);
  std::string text;
  std::array<char, 4096> piece;
  for (size_t got; (got = std::fread(piece.data(), 1, piece.size(), file)) > 0;) {
    text.append(piece.data(), got);
  }
  std::fclose(file);
  return text;
}

}  // namespace

ProgramResult run_program(const std::vector<std::string>& command) {
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);

  FILE* output = std::tmpfile();
  FILE* errors = std::tmpfile();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, fileno(output), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, fileno(errors), STDERR_FILENO);
  pid_t pid = -1;
  const int error = posix_spawn(&pid, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw std::runtime_error("cannot start " + command[0]);

  int status = 0;
  waitpid(pid, &status, 0);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read_all(output), read_all(errors)};
}

}  // namespace stratos::test
