// The original's own files: what they say comes out of them, by whichever way it goes in.
#include <filesystem>
#include <set>

#include <gtest/gtest.h>

#include "configs/yaml.h"
#include "tests/configs/golden.h"

namespace sf {
namespace {

namespace fs = std::filesystem;

// Entries by file, such as "configs/Kinetics/SLOW_8x8_R50.yaml".
const json& entries() {
  static const json entries = golden_json("pyslowfast.json");
  return entries;
}

bool is_dead(const std::string& key) { return key.starts_with("PREFETCH."); }

std::string present_name(const std::string& key) {
  return key == "TENSORBOARD.MODEL_VIS.TOPK" ? "TENSORBOARD.MODEL_VIS.TOPK_PREDS" : key;
}

// Texts without quotes where YAML allows it, as people write them.
std::string yaml_scalar(const json& value) {
  if (value.is_null()) return "";
  if (!value.is_string()) return value.dump();
  const auto text = value.get<std::string>();
  const bool plain = !text.empty() && (std::isalnum(text[0]) || text[0] == '(') &&
                     text.find(": ") == std::string::npos && text.find(" #") == std::string::npos;
  return plain ? text : value.dump();
}

void write_section(const json& section, size_t indent, std::string& out) {
  for (const auto& [key, value] : section.items()) {
    out.append(indent, ' ').append(key).append(":");
    if (value.is_object()) {
      out += '\n';
      write_section(value, indent + 2, out);
    } else {
      out.append(" ").append(yaml_scalar(value)) += '\n';
    }
  }
}

// The entry with its sections, as the original's files have them.
std::string yaml_of(const json& entry) {
  json nested = json::object();
  for (const auto& [key, value] : entry.items()) {
    json* section = &nested;
    size_t begin = 0;
    for (size_t dot; (dot = key.find('.', begin)) != std::string::npos; begin = dot + 1)
      section = &(*section)[key.substr(begin, dot - begin)];
    (*section)[key.substr(begin)] = value;
  }
  std::string out;
  write_section(nested, 0, out);
  return out;
}

TEST(PySlowFast, EveryFileLoadsWithItsValues) {
  ASSERT_EQ(entries().size(), 110u);
  for (const auto& [file, entry] : entries().items()) {
    Config config;
    config.merge_text(yaml_of(entry), file);
    EXPECT_EQ(config.get<int>("NUM_SHARDS"), entry.value("NUM_SHARDS", 1)) << file;
    config.set("NUM_SHARDS", "1");  // learning rates come as they are written
    for (const auto& [key, stored] : entry.items()) {
      if (is_dead(key) || key == "NUM_SHARDS") continue;
      const std::string name = present_name(key);
      const json expected = expected_value(name, stored);
      EXPECT_EQ(value_of(config, name, expected), expected) << file << ": " << key;
    }
  }
}

TEST(PySlowFast, PairsGiveWhatTheFileGives) {
  for (const auto& [file, entry] : entries().items()) {
    Config from_file, from_pairs;
    from_file.merge_text(yaml_of(entry), file);
    from_pairs.merge_pairs(pairs_of(entry));
    EXPECT_EQ(from_pairs.dump(), from_file.dump()) << file;
    EXPECT_TRUE(from_pairs == from_file) << file;
  }
}

TEST(PySlowFast, ADumpLoadsAsAnEqualConfiguration) {
  for (const auto& [file, entry] : entries().items()) {
    Config config, again;
    config.merge_text(yaml_of(entry), file);
    again.merge_text(config.dump(), file);
    EXPECT_TRUE(again == config) << file;
    EXPECT_EQ(again.dump(), config.dump()) << file;
    EXPECT_TRUE(again.warnings().empty()) << file;
  }
}

TEST(PySlowFast, WarningsNameTheKeysThatAreGone) {
  for (const auto& [file, entry] : entries().items()) {
    Config config;
    config.merge_text(yaml_of(entry), file);
    const std::string warnings = json(config.warnings()).dump();
    const bool prefetch = entry.contains("PREFETCH.NUM_LOADERS");
    const bool topk = entry.contains("TENSORBOARD.MODEL_VIS.TOPK");
    EXPECT_EQ(config.warnings().size(), size_t(prefetch) + size_t(topk)) << file << warnings;
    EXPECT_EQ(warnings.find("PREFETCH: has no effect") != std::string::npos, prefetch) << file;
    EXPECT_EQ(
        warnings.find("TOPK: is taken for TENSORBOARD.MODEL_VIS.TOPK_PREDS") != std::string::npos,
        topk)
        << file;
  }
}

TEST(PySlowFast, EveryFileIsValidButTheOneWhoseBatchIsTooSmall) {
  for (const auto& [file, entry] : entries().items()) {
    Config config;
    config.merge_text(yaml_of(entry), file);
    config.set("SF.DEVICE", "cuda");  // where NUM_GPUS counts
    const std::string error = error_of([&config = config] { config.validate(); });
    if (file == "configs/masked_ssl/k400_VIT_B_16x4_FT.yaml")
      EXPECT_EQ(error, "TRAIN.BATCH_SIZE: wanted a multiple of NUM_GPUS 8, found 1");
    else
      EXPECT_EQ(error, "") << file;
  }
}

// The keys that a shipped file writes down, with its sections.
void add_keys(const YamlNode& map, const std::string& prefix, std::set<std::string>& keys) {
  for (const YamlEntry& entry : map.entries)
    if (entry.value.kind == YamlNode::Kind::map)
      add_keys(entry.value, prefix + entry.key + ".", keys);
    else
      keys.insert(prefix + entry.key);
}

std::vector<fs::path> shipped_files() {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(fs::path(SF_SOURCE_DIR) / "configs"))
    if (entry.path().extension() == ".yaml" && entry.path().filename() != "defaults.yaml")
      files.push_back(entry.path());
  return files;
}

TEST(PySlowFast, TheShippedFilesAreValid) {
  for (const fs::path& file : shipped_files())
    EXPECT_TRUE(Config::load(file, {}).warnings().empty()) << file;
}

TEST(PySlowFast, TheShippedFilesEqualTheOriginals) {
  const fs::path root = SF_SOURCE_DIR;
  int count = 0;
  for (const fs::path& path : shipped_files()) {
    const std::string file = fs::relative(path, root).string();
    if (!file.starts_with("configs/Kinetics/") && !file.starts_with("configs/AVA/")) continue;
    ASSERT_TRUE(entries().contains(file)) << file;
    const json& entry = entries().at(file);
    Config shipped, original;
    shipped.merge_file(path);
    original.merge_text(yaml_of(entry), file);
    EXPECT_EQ(shipped.dump(), original.dump()) << file;
    EXPECT_TRUE(shipped.warnings().empty()) << file;

    std::set<std::string> keys, original_keys;
    add_keys(parse_yaml(read_bytes(path), file).root, "", keys);
    for (const auto& [key, value] : entry.items()) original_keys.insert(key);
    EXPECT_EQ(keys, original_keys) << file;
    ++count;
  }
  EXPECT_EQ(count, 39);  // C2D, I3D, Slow and SlowFast for Kinetics and AVA
}

struct OriginalDump {
  const char* dump;    // of the original's merged configuration
  const char* config;  // and what it was made from
  std::vector<std::string> pairs;
};

TEST(PySlowFast, TheOriginalsDumpIsTheConfigurationMergedHere) {
  const OriginalDump kDumps[] = {
      {"slowfast_r50.yaml",
       "configs/Kinetics/SLOWFAST_8x8_R50.yaml",
       {"NUM_GPUS",
        "0",
        "MODEL.DROPOUT_RATE",
        "0.0",
        "DATA.TRAIN_CROP_SIZE",
        "64",
        "DATA.TEST_CROP_SIZE",
        "64",
        "BN.USE_PRECISE_STATS",
        "False",
        "BN.NORM_TYPE",
        "batchnorm",
        "BN.NUM_SYNC_DEVICES",
        "1",
        "RESNET.WIDTH_PER_GROUP",
        "16",
        "DATA.NUM_FRAMES",
        "16",
        "MODEL.NUM_CLASSES",
        "40"}},
      {"ava_slowfast_r50.yaml",
       "configs/AVA/c2/SLOWFAST_32x2_R50.yaml",
       {"NUM_GPUS", "0", "MODEL.DROPOUT_RATE", "0.0", "DATA.TRAIN_CROP_SIZE", "64",
        "DATA.TEST_CROP_SIZE", "64", "BN.USE_PRECISE_STATS", "False", "BN.NORM_TYPE", "batchnorm",
        "BN.NUM_SYNC_DEVICES", "1", "RESNET.WIDTH_PER_GROUP", "16", "DATA.NUM_FRAMES", "16"}},
  };
  for (const auto& [dump, config, pairs] : kDumps) {
    Config original;
    original.merge_file(golden("configs") / dump);
    const Config here = Config::load(fs::path(SF_SOURCE_DIR) / config, pairs);
    EXPECT_EQ(here.dump(), original.dump()) << dump;
    EXPECT_TRUE(here == original) << dump;
  }
}

}  // namespace
}  // namespace sf
