// Names to factories, filled by global objects: a product is one source file with one registration
// line.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "kernels/base/error.h"

namespace sf {

template <class Product, class... Args>
class Registry {
 public:
  using Factory = std::function<std::unique_ptr<Product>(Args...)>;

  // what: how errors call a product ("MODEL.MODEL_NAME").
  explicit Registry(std::string what) : what_(std::move(what)) {}

  // Throws if the name is taken; true, so that a global variable can call it.
  bool add(const std::string& name, Factory factory) {
    SF_CHECK(factories_.emplace(name, std::move(factory)).second, what_, ": '", name,
             "' is registered twice");
    return true;
  }

  // Throws for a name that is not registered, listing those that are.
  std::unique_ptr<Product> make(const std::string& name, Args... args) const {
    const auto factory = factories_.find(name);
    SF_CHECK(factory != factories_.end(), what_, ": '", name,
             "' is not built in; available: ", names());
    return factory->second(args...);
  }

  std::string names() const {
    std::string all;
    for (const auto& [name, factory] : factories_) all += (all.empty() ? "" : ", ") + name;
    return all;
  }

 private:
  std::string what_;
  std::map<std::string, Factory> factories_;
};

}  // namespace sf
