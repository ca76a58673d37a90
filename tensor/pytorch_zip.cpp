#include "tensor/pytorch_zip.h"

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <zip.h>

#include "tensor/pickle.h"
#include "tensor/pytorch_objects.h"
#include "tensor/strided_copy.h"

namespace sf {
namespace {

struct ZipError {
  zip_error_t error;
  ZipError() { zip_error_init(&error); }
  ZipError(const ZipError&) = delete;
  ZipError& operator=(const ZipError&) = delete;
  ~ZipError() { zip_error_fini(&error); }
  std::string text() { return printable(zip_error_strerror(&error)); }
};

struct ZipEntry {
  zip_uint64_t index = 0;
  uint64_t bytes = 0;
};

class ZipArchive {
 public:
  explicit ZipArchive(std::span<const std::byte> bytes);
  ZipArchive(const ZipArchive&) = delete;
  ZipArchive& operator=(const ZipArchive&) = delete;
  ~ZipArchive() { zip_discard(archive_); }

  const std::map<std::string, ZipEntry, std::less<>>& entries() const { return entries_; }
  std::vector<std::byte> read(const std::string& name) const {
    std::vector<std::byte> bytes;
    read(name, bytes);
    return bytes;
  }
  uint64_t size(const std::string& name) const { return find(name).bytes; }
  // Into memory that may be used again and again.
  void read(const std::string& name, std::vector<std::byte>& bytes) const;

 private:
  void list_entries(uint64_t file_bytes);
  const ZipEntry& find(const std::string& name) const;

  zip_t* archive_ = nullptr;
  std::map<std::string, ZipEntry, std::less<>> entries_;
};

ZipArchive::ZipArchive(std::span<const std::byte> bytes) {
  ZipError failure;
  zip_source_t* source = zip_source_buffer_create(bytes.data(), bytes.size(), 0, &failure.error);
  SF_CHECK(source, "zip: ", failure.text());
  archive_ = zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, &failure.error);
  if (!archive_) {
    zip_source_free(source);
    throw Error(cat("zip: ", failure.text()));
  }
  try {
    list_entries(bytes.size());
  } catch (...) {
    zip_discard(archive_);
    throw;
  }
}

void ZipArchive::list_entries(uint64_t file_bytes) {
  const uint64_t limit = 16 * file_bytes + (uint64_t{1} << 20);
  uint64_t total = 0;
  const auto count = zip_uint64_t(zip_get_num_entries(archive_, 0));
  for (zip_uint64_t i = 0; i < count; ++i) {
    zip_stat_t info;
    SF_CHECK(zip_stat_index(archive_, i, 0, &info) == 0, "zip: entry ", i,
             ": could not be examined");
    constexpr zip_uint64_t kWanted = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE |
                                     ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
    SF_CHECK((info.valid & kWanted) == kWanted, "zip: entry ", i,
             ": wanted name, sizes and methods, found fewer");
    const std::string name = printable(info.name);
    SF_CHECK(info.encryption_method == ZIP_EM_NONE, "zip: entry ", name,
             ": wanted plain data, found it encrypted");
    SF_CHECK(info.comp_method == ZIP_CM_STORE || info.comp_method == ZIP_CM_DEFLATE, "zip: entry ",
             name, ": wanted it stored or deflated, found method ", info.comp_method);
    SF_CHECK(info.comp_size <= file_bytes &&
                 (info.comp_method != ZIP_CM_STORE || info.comp_size == info.size),
             "zip: entry ", name, ": wanted ", info.size, " bytes, found ", info.comp_size,
             " stored");
    SF_CHECK(info.size <= limit - total, "zip: entry ", name, ": entries claim more than ", limit,
             " bytes, file has ", file_bytes);
    total += info.size;
    SF_CHECK(entries_.emplace(info.name, ZipEntry{i, info.size}).second, "zip: entry ", name,
             ": found twice");
  }
}

const ZipEntry& ZipArchive::find(const std::string& name) const {
  const auto found = entries_.find(name);
  SF_CHECK(found != entries_.end(), "zip: wanted an entry ", printable(name), ", found none");
  return found->second;
}

void ZipArchive::read(const std::string& name, std::vector<std::byte>& bytes) const {
  const ZipEntry& wanted = find(name);
  const uint64_t size = wanted.bytes;
  struct Closer {
    void operator()(zip_file_t* entry) const { zip_fclose(entry); }
  };
  const std::unique_ptr<zip_file_t, Closer> entry(zip_fopen_index(archive_, wanted.index, 0));
  SF_CHECK(entry, "zip: entry ", printable(name), ": ", printable(zip_strerror(archive_)));
  bytes.resize(size + 1);  // one more than claimed, to see the end and with it the checksum
  uint64_t filled = 0;
  while (filled < bytes.size()) {
    const zip_int64_t got = zip_fread(entry.get(), bytes.data() + filled, bytes.size() - filled);
    SF_CHECK(got >= 0, "zip: entry ", printable(name), ": ",
             printable(zip_file_strerror(entry.get())));
    if (got == 0) break;
    filled += uint64_t(got);
  }
  SF_CHECK(filled == size, "zip: entry ", printable(name), ": wanted ", size, " bytes, found ",
           filled > size ? "more" : std::to_string(filled));
  bytes.pop_back();
}

// The folder that data.pkl is in, with its slash.
std::string folder_of_pickle(const ZipArchive& archive) {
  constexpr std::string_view kPickle = "data.pkl";
  const std::string* only = nullptr;
  for (const auto& [name, entry] : archive.entries()) {
    if (name != kPickle && !name.ends_with("/data.pkl")) continue;
    SF_CHECK(!only, "zip: wanted one data.pkl, found ", printable(*only), " and ", printable(name));
    only = &name;
  }
  SF_CHECK(only, "zip: wanted the data.pkl of a PyTorch file among ", archive.entries().size(),
           " entries, found none");
  return only->substr(0, only->size() - kPickle.size());
}

}  // namespace

StoredCheckpoint parse_pytorch_zip(const std::shared_ptr<const MappedFile>& file) {
  const auto archive = std::make_shared<const ZipArchive>(file->bytes());
  const std::string folder = folder_of_pickle(*archive);
  const auto torch = std::make_shared<TorchFile>();
  torch->unpacked = archive->read(folder + "data.pkl");
  torch->pickle = Pickle::parse(torch->unpacked);
  torch->file_bytes = file->bytes().size();

  // One storage at a time. Tensors that share a storage mostly follow each other; others read it
  // again, which costs.
  torch->bytes = [file, archive, folder, key = std::string(), bytes = std::vector<std::byte>(),
                  reading = CopyBudget(file->bytes().size())](
                     const TorchStorage& storage) mutable -> std::span<const std::byte> {
    if (key != storage.key || key.empty()) {
      key.clear();
      const std::string entry = folder + "data/" + std::string(storage.key);
      reading.take(archive->size(entry));
      archive->read(entry, bytes);
      file->drop_pages(file->bytes());
      key = storage.key;
    }
    SF_CHECK(bytes.size() == storage.bytes(), "wanted a storage of ", storage.bytes(),
             " bytes, found ", bytes.size());
    return bytes;
  };
  if (archive->entries().contains(folder + "byteorder")) {
    const auto order = archive->read(folder + "byteorder");
    const std::string_view text(reinterpret_cast<const char*>(order.data()), order.size());
    SF_CHECK(text == "little" || text == "big", "zip: wanted byteorder little or big, found ",
             printable(text));
    torch->big_endian = text == "big";
  }
  StoredCheckpoint out = checkpoint_from_torch(torch);
  out.format = "PyTorch zip";
  return out;
}

}  // namespace sf
