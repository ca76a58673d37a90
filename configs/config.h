// The configuration of a run: every key of configs/defaults.yaml with its value.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sf {

class Config {
 public:
  Config();  // the defaults
  Config(const Config&);
  Config(Config&&) noexcept;
  Config& operator=(const Config&);
  Config& operator=(Config&&) noexcept;
  ~Config();

  // Defaults, then the file (its _BASE_ files first), then KEY VALUE pairs; validated.
  static Config load(const std::filesystem::path& file, std::span<const std::string> overrides);

  void merge_file(const std::filesystem::path& file);
  // Text is decoded as the original does: "1e-4" is a number, "(1, 2)" a list, "None" nothing.
  void set(std::string_view key, std::string_view text);

  // The value of a key such as "RESNET.DEPTH". T: bool, int, int64_t, double, std::string, or vectors of these, nested.
  // Throws if the key does not exist or holds another type (a double also takes an integer).
  template <class T>
  T get(std::string_view key) const;
  // True if the value is None.
  bool is_none(std::string_view key) const;

  // Every key as YAML; loading the text gives an equal configuration.
  std::string dump() const;

  // Checks what the original asserts and infers what it infers; throws with the key and the value.
  void validate();

 private:
  struct Node;
  std::unique_ptr<Node> root_;
};

}  // namespace sf
