// Work in a process of its own, for what cannot be undone in this one.
#pragma once

#include <cerrno>
#include <csignal>
#include <fstream>
#include <string>

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernels/base/error.h"

namespace sf {

// How a process ends that does the work, as waitpid says; with 99 if it throws, 1 if an expectation
// failed in it, 0 else.
template <class F>
int child_status(const F& work) {
  const pid_t child = fork();
  if (child == 0) {
    try {
      work();
    } catch (...) { _exit(99); }
    _exit(testing::Test::HasFailure() ? 1 : 0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return status;
}

// This process and those that it starts cannot write files of more bytes.
inline void limit_file_bytes(rlim_t bytes) {
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  const rlimit limit{bytes, RLIM_INFINITY};
  setrlimit(RLIMIT_FSIZE, &limit);
}

// From here on this process, of one thread, may mount file systems that only it and those it starts
// see. False, with errno, where the system does not allow it.
inline bool enter_own_mounts() {
  const std::string user = cat("0 ", getuid(), " 1"), group = cat("0 ", getgid(), " 1");
  if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
  std::ofstream("/proc/self/setgroups") << "deny";
  std::ofstream("/proc/self/uid_map") << user;
  std::ofstream("/proc/self/gid_map") << group;
  return mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
}

}  // namespace sf
