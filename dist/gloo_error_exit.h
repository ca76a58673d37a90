// What Gloo throws where nobody can catch it.
#pragma once

#include <memory>

#include "dist/control/connection.h"

namespace sf {

// Gloo reads, writes and accepts connections on a thread of its own, and throws there too: where
// the other side is gone by the time that its connection is taken (getpeername then fails), or
// where the answer to a message cannot be written. std::terminate is called then, and aborts the
// process with a line that names no rank.
//
// While one of these lives, the process ends otherwise: it gives the control plane a few beats to
// say why the job ends, tells it of Gloo's error where it does not know, prints that one line on
// stderr as "sf: <line>" and has the exit status 1. It cannot go on, as Gloo's thread has ended
// with locks in its hands; nor can it leave in order, since destructors wait for these. All other
// ways to std::terminate stay what they are. One a rank; ranks may be threads of one process.
class GlooErrorExit {
 public:
  explicit GlooErrorExit(std::shared_ptr<ControlConnection> control);
  ~GlooErrorExit();  // does not return where the process is about to end
  GlooErrorExit(const GlooErrorExit&) = delete;
  GlooErrorExit& operator=(const GlooErrorExit&) = delete;

 private:
  const std::shared_ptr<ControlConnection> control_;
};

}  // namespace sf
