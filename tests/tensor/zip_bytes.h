// Zip archives made by tests.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <zip.h>

#include "tests/tensor/outside_files.h"

namespace sf {

struct ZipSettings {
  bool deflate = false;
  std::string encrypted = "";  // the name of an entry to encrypt
};

using ZipContents = std::vector<std::pair<std::string, std::string>>;

inline void write_zip(const std::filesystem::path& path, const ZipContents& contents,
                      const ZipSettings& settings = {}) {
  zip_t* archive = zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, nullptr);
  if (!archive) throw std::runtime_error("zip_open");
  for (const auto& [name, data] : contents) {
    zip_source_t* source = zip_source_buffer(archive, data.data(), data.size(), 0);
    const zip_int64_t index = zip_file_add(archive, name.c_str(), source, ZIP_FL_ENC_UTF_8);
    if (index < 0) throw std::runtime_error("zip_file_add");
    zip_set_file_compression(archive, zip_uint64_t(index),
                             settings.deflate ? ZIP_CM_DEFLATE : ZIP_CM_STORE, 0);
    if (name == settings.encrypted &&
        zip_file_set_encryption(archive, zip_uint64_t(index), ZIP_EM_TRAD_PKWARE, "secret") != 0)
      throw std::runtime_error("zip_file_set_encryption");
  }
  if (zip_close(archive) != 0) throw std::runtime_error("zip_close");
}

}  // namespace sf
