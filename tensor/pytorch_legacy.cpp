#include "tensor/pytorch_legacy.h"

#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "tensor/little_endian.h"
#include "tensor/pytorch_objects.h"

namespace sf {
namespace {

constexpr std::string_view kLegacyMagic =
    "\x6C\xFC\x9C\x46\xF9\x20\x6A\xA8\x50\x19";  // 0x1950A86A20F9469CFC6C
constexpr int64_t kProtocol = 1001;

using TypesByKey = std::map<std::string_view, TorchStorage>;

TypesByKey storages_of(const Pickle& pickle) {
  TypesByKey storages;
  for (const PickleValue& value : pickle.persistent_values()) {
    const TorchStorage storage = torch_storage(value);
    const auto [place, added] = storages.emplace(storage.key, storage);
    SF_CHECK(added || (place->second.dtype == storage.dtype &&
                       place->second.elements == storage.elements),
             "storage ", printable(storage.key), ": referred to with two sizes or types");
  }
  return storages;
}

}  // namespace

bool is_legacy_magic(const PickleValue& value) {
  return value.is(PickleKind::big_integer) && value.text() == kLegacyMagic;
}

StoredCheckpoint parse_pytorch_legacy(const std::shared_ptr<const MappedFile>& file) {
  const std::span<const std::byte> bytes = file->bytes();
  size_t at = 0;
  const auto next_pickle = [&] {
    Pickle pickle = Pickle::parse(bytes.subspan(at));
    at += pickle.consumed();
    return pickle;
  };
  const Pickle magic = next_pickle();
  SF_CHECK(is_legacy_magic(magic.root()),
           "wanted the magic number of a PyTorch stream, found another value");
  const Pickle protocol = next_pickle();
  SF_CHECK(protocol.root().integer() == kProtocol, "wanted PyTorch stream protocol ", kProtocol,
           ", found ", protocol.root().integer());
  next_pickle();  // about the writing system; storages are little-endian from every one
  const auto torch = std::make_shared<TorchFile>();
  torch->pickle = next_pickle();
  const Pickle keys = next_pickle();

  // The storages follow in the order of the keys, each behind its number of elements.
  const TypesByKey types = storages_of(torch->pickle);
  std::map<std::string, std::span<const std::byte>, std::less<>> data;
  SF_CHECK(keys.root().is(PickleKind::list), "wanted a list of storage keys, found ",
           name_of(keys.root().kind()));
  for (size_t i = 0; i < keys.root().size(); ++i) {
    const std::string_view key = keys.root().item(i).string();
    const auto type = types.find(key);
    SF_CHECK(type != types.end(), "storage ", printable(key), ": nothing refers to it");
    const auto elements = load_le<int64_t>(bytes, at);
    at += sizeof elements;
    const TorchStorage& storage = type->second;
    SF_CHECK(elements == storage.elements, "storage ", printable(key), ": wanted ",
             storage.elements, " elements, found ", elements);
    SF_CHECK(storage.bytes() <= bytes.size() - at, "storage ", printable(key), ": wanted ",
             storage.bytes(), " bytes, found ", bytes.size() - at);
    data[std::string(key)] = bytes.subspan(at, storage.bytes());
    at += storage.bytes();
  }

  torch->file_bytes = bytes.size();
  torch->bytes = [file, data = std::move(data),
                  last = std::span<const std::byte>()](const TorchStorage& storage) mutable {
    const auto found = data.find(storage.key);
    SF_CHECK(found != data.end(), "storage ", printable(storage.key), ": not in the file");
    if (found->second.data() != last.data()) file->drop_pages(last);
    file->read_ahead(found->second);
    return last = found->second;
  };
  StoredCheckpoint out = checkpoint_from_torch(torch);
  out.format = "PyTorch stream";
  return out;
}

}  // namespace sf
