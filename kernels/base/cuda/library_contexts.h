// What a library that is loaded at first use keeps for each device.
#pragma once

#include <map>
#include <memory>
#include <mutex>

namespace sf {

// Library: functions, current_device() among them. Context: made of a library on the current
// device, for the life of the process. An object of this class is not destroyed: at the program's
// end the library may be gone before. Any thread.
template <class Library, class Context>
class LibraryContexts {
 public:
  // load() gives the library of this machine, null if there is none.
  explicit LibraryContexts(const Library* (*load)()) : load_(load) {}

  // That of the calling thread's current device; null where there is no library or no device.
  // Throws what making it throws.
  Context* current() {
    const std::lock_guard lock(mutex_);
    const Library* library = stand_in_ ? stand_in_ : load_();
    if (!library) return nullptr;
    const int device = library->current_device();
    if (device < 0) return nullptr;
    std::unique_ptr<Context>& context = by_device_[device];
    if (!context) context = std::make_unique<Context>(*library);
    return context.get();
  }

  // Another library in the place of the loaded one; null: that one again. Forgets all contexts.
  void stand_in(const Library* library) {
    const std::lock_guard lock(mutex_);
    by_device_.clear();
    stand_in_ = library;
  }

 private:
  const Library* (*load_)();
  std::mutex mutex_;
  const Library* stand_in_ = nullptr;
  std::map<int, std::unique_ptr<Context>> by_device_;
};

}  // namespace sf
