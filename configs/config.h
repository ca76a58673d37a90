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

// A key as defaults.yaml documents it.
struct KeyInfo {
  std::string name;  // "RESNET.DEPTH"
  std::string type;  // "bool", "int", "float", "string", "list", or "any" where the default is None
  std::string default_value;  // as YAML, on one line
  std::string comment;
};

// Values have the type of their key's default. An integer is taken for a float; None is taken for
// anything, and a key whose default is None takes anything. Errors name the file and line, the key,
// and what was wanted and found. Names and values of older PySlowFast files are read as what they
// have become: DATA.CROP_SIZE is TRAIN_CROP_SIZE and TEST_CROP_SIZE, MODEL.ARCH slowonly is slow.
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

  // Every key, in the order of defaults.yaml.
  static std::vector<KeyInfo> keys();

  // A file's _BASE_ is a path or a list of paths, relative to the file, absolute, or from the home
  // folder by "~/". A key stands in its section or is written in full, RESNET.DEPTH: 50.
  void merge_file(const std::filesystem::path& file);
  // YAML without _BASE_; `name` stands in messages in the place of the file.
  void merge_text(std::string_view yaml, const std::string& name);
  // KEY VALUE KEY VALUE ...; later ones count.
  void merge_pairs(std::span<const std::string> pairs);
  // Text is decoded as the original does: "1e-4" is a number, "(1, 2)" a list, "None" nothing.
  // Booleans, infinite numbers and nothing may also be written as in YAML.
  void set(std::string_view key, std::string_view text);

  // The value of a key such as "RESNET.DEPTH". T: bool, int, int64_t, double, std::string, or
  // vectors of these, nested (up to 3 levels for integers, 2 for others). Throws if the key does
  // not exist or holds another type (a double also takes an integer). SOLVER.BASE_LR,
  // WARMUP_START_LR and COSINE_END_LR come multiplied by NUM_SHARDS if BASE_LR_SCALE_NUM_SHARDS is
  // set.
  template <class T>
  T get(std::string_view key) const;
  // True if the value is None.
  bool is_none(std::string_view key) const;
  bool is_default(std::string_view key) const;
  // The value for a message, as Python writes it; a long one ends in "...".
  std::string text(std::string_view key) const;

  // Every key as YAML, in the order of defaults.yaml; loading the text gives an equal configuration
  // (texts in UTF-8 and a dump within 256 KiB assumed).
  std::string dump() const;
  // The same with a whole setting in each line: "SOLVER.BASE_LR: 0.1".
  std::string settings() const;

  // Checks what the original asserts and infers what it infers; throws with the key and the value.
  // A second call changes nothing, so it may follow each set(). MODEL_NAME ResNet_nopool becomes
  // ResNet with an ARCH that does not pool in time; an ARCH of that kind is added to
  // SINGLE_PATHWAY_ARCH.
  void validate();

  // What was read but may not be what its author meant, a line each.
  const std::vector<std::string>& warnings() const;

  // Equal values; warnings do not count.
  bool operator==(const Config& other) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sf
