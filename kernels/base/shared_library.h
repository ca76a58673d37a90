// A library that is loaded when it is wanted, so that programs start without it.
#pragma once

namespace sf {

// Stays loaded for the life of the process. Throws, with the loader's reason, where it or a
// function cannot be found.
class SharedLibrary {
 public:
  explicit SharedLibrary(const char* file);
  // The file that a variable of the environment names, else the other.
  SharedLibrary(const char* variable, const char* otherwise);

  // Becomes a pointer to the function's type.
  struct Symbol {
    void* address;
    template <class F>
    operator F*() const {
      return reinterpret_cast<F*>(address);
    }
  };
  Symbol symbol(const char* name) const;

 private:
  void* handle_;
};

}  // namespace sf
