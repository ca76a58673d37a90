#include "tensor/pytorch_objects.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tensor/mapped_file.h"
#include "tensor/pickle_objects.h"
#include "tensor/strided_copy.h"

namespace sf {
namespace {

struct StorageName {
  std::string_view global;
  DType dtype;
};
constexpr std::array kStorageNames{
    StorageName{"torch FloatStorage", DType::f32},
    StorageName{"torch DoubleStorage", DType::f64},
    StorageName{"torch HalfStorage", DType::f16},
    StorageName{"torch BFloat16Storage", DType::bf16},
    StorageName{"torch LongStorage", DType::i64},
    StorageName{"torch IntStorage", DType::i32},
    StorageName{"torch ByteStorage", DType::u8},
    StorageName{"torch BoolStorage", DType::u8},
};

class TorchReader {
 public:
  explicit TorchReader(std::shared_ptr<const TorchFile> file) : file_(std::move(file)) {}

  StoredCheckpoint read(const PickleValue& root);

 private:
  using Places = std::map<int64_t, int64_t>;  // of a parameter's id in the order of all groups

  bool is_tensor(const PickleValue& value) const;
  StoredTensor tensor(const std::string& name, const char* title, const PickleValue& value) const;
  void read_tensors(const PickleValue& dict, StoredCheckpoint& out);
  Places read_groups(const PickleValue& groups, StoredCheckpoint& out);
  void read_parameter_state(int64_t place, const PickleValue& kinds, StoredCheckpoint& out);
  void read_optimizer(const PickleValue& optimizer, StoredCheckpoint& out);
  void read_entry(const std::string& name, const PickleValue& value, StoredCheckpoint& out);

  std::shared_ptr<const TorchFile> file_;
  std::shared_ptr<CopyBudget> budget_ = std::make_shared<CopyBudget>(file_->file_bytes);
  PlainValues plain_{*budget_};
};

// The value inside of nn.Parameter.
PickleValue unwrapped(const PickleValue& value) {
  return value.is_call("torch._utils _rebuild_parameter", 1) ? value.argument(0) : value;
}

bool TorchReader::is_tensor(const PickleValue& value) const {
  const PickleValue inner = unwrapped(value);
  return inner.is_call("torch._utils _rebuild_tensor_v2", 4) ||
         inner.is_call("torch._utils _rebuild_tensor", 4);
}

StoredTensor TorchReader::tensor(const std::string& name, const char* title,
                                 const PickleValue& value) const {
  const PickleValue call = unwrapped(value);  // (storage, offset, sizes, strides, ...)
  const TorchStorage storage = torch_storage(call.argument(0));
  const StridedElements elements = channels_last({.bytes = {},
                                                  .dtype = storage.dtype,
                                                  .offset = call.argument(1).integer(),
                                                  .sizes = whole_numbers(call.argument(2)),
                                                  .strides = whole_numbers(call.argument(3)),
                                                  .big_endian = file_->big_endian});
  return {name,
          {Shape(elements.sizes), elements.dtype},
          [where = cat(title, " ", printable(name)), elements, storage, file = file_,
           budget = budget_] {
            return naming(where, [&] {
              StridedElements found = elements;
              found.bytes = file->bytes(storage);
              return copy_strided(found, *budget);
            });
          }};
}

void TorchReader::read_tensors(const PickleValue& dict, StoredCheckpoint& out) {
  std::set<std::string> names;
  for (size_t i = 0; i < dict.pairs(); ++i) {
    const auto [key, value] = dict.pair(i);
    const std::string name = key.name();
    if (!is_tensor(value)) {
      out.text[name] = plain_.text(value);
      continue;
    }
    naming("tensor " + printable(name), [&, &value = value] {
      SF_CHECK(names.insert(name).second, "found twice");
      out.tensors.push_back(tensor(name, "tensor", value));
    });
  }
  constexpr std::string_view kParallel = "module.";
  if (std::ranges::all_of(out.tensors,
                          [&](const auto& t) { return t.name.starts_with(kParallel); }))
    for (StoredTensor& t : out.tensors) t.name.erase(0, kParallel.size());
}

// [{"lr": ..., "params": [id, ...]}, ...] as text; gives the place of every id. The ids are places
// in the order of all groups already, or arbitrary in files of older versions.
TorchReader::Places TorchReader::read_groups(const PickleValue& groups, StoredCheckpoint& out) {
  Places places;
  nlohmann::json described = nlohmann::json::array();
  for (size_t g = 0; g < groups.size(); ++g) {
    const PickleValue group = groups.item(g);
    nlohmann::json settings = plain_.json(group);
    SF_CHECK(settings.is_object(), "optimizer: group ", g, ": wanted a dict, found ",
             name_of(group.kind()));
    settings.erase("params");
    settings["begin"] = places.size();
    const auto params = group.find("params");
    SF_CHECK(params, "optimizer: group ", g, ": wanted 'params', found none");
    for (const int64_t id : whole_numbers(*params)) {
      const auto place = int64_t(places.size());
      SF_CHECK(places.emplace(id, place).second, "optimizer: parameter ", id, " is in two places");
    }
    settings["end"] = places.size();
    described.push_back(std::move(settings));
  }
  out.text["param_groups"] = lenient_text(described);
  return places;
}

// {"momentum_buffer": tensor, "step": number, ...} of one parameter.
void TorchReader::read_parameter_state(int64_t place, const PickleValue& kinds,
                                       StoredCheckpoint& out) {
  SF_CHECK(kinds.is(PickleKind::dict), "optimizer: wanted a dict, found ", name_of(kinds.kind()));
  std::set<std::string> names;
  for (size_t k = 0; k < kinds.pairs(); ++k) {
    const auto [kind, value] = kinds.pair(k);
    // Parameters may share one dict of any size.
    constexpr uint64_t kEntryBytes = 256;
    budget_->take(kEntryBytes + kind.text().size());
    const std::string name = cat(place, ".", kind.name());
    naming("optimizer tensor " + printable(name), [&, &value = value] {
      SF_CHECK(names.insert(name).second, "found twice");
      if (is_tensor(value)) {
        out.optimizer.push_back(tensor(name, "optimizer tensor", value));
      } else if (value.is(PickleKind::integer)) {
        out.optimizer.push_back(stored(name, Tensor::from<int64_t>({value.integer()}, {})));
      } else if (value.is(PickleKind::real)) {
        out.optimizer.push_back(stored(name, Tensor::from<double>({value.real()}, {})));
      }
    });
  }
}

// {"state": {id: {...}, ...}, "param_groups": [...]}
void TorchReader::read_optimizer(const PickleValue& optimizer, StoredCheckpoint& out) {
  const auto state = optimizer.find("state");
  const auto groups = optimizer.find("param_groups");
  if (!state || !groups || !state->is(PickleKind::dict) || !groups->is(PickleKind::list)) {
    out.text["optimizer_state"] = plain_.text(optimizer);
    return;
  }
  Places places = read_groups(*groups, out);
  for (size_t i = 0; i < state->pairs(); ++i) {
    const auto [id, kinds] = state->pair(i);
    const auto place = places.extract(id.integer());
    SF_CHECK(!place.empty(), "optimizer: parameter ", id.integer(),
             " is in no group or has two states");
    read_parameter_state(place.mapped(), kinds, out);
  }
}

// The key of the dict that holds the tensors; empty if the root itself does.
std::string_view wrapper_of(const PickleValue& root) {
  for (const std::string_view key : {"model_state", "state_dict", "model"})
    if (const auto found = root.find(key); found && found->is(PickleKind::dict)) return key;
  return {};
}

void TorchReader::read_entry(const std::string& name, const PickleValue& value,
                             StoredCheckpoint& out) {
  if (name == "epoch" && value.is(PickleKind::integer)) {
    out.epoch = value.integer();
  } else if ((name == "optimizer_state" || name == "optimizer") && value.is(PickleKind::dict)) {
    read_optimizer(value, out);
  } else {
    out.text[name == "cfg" ? "config" : name] = plain_.text(value);
  }
}

StoredCheckpoint TorchReader::read(const PickleValue& root) {
  SF_CHECK(root.is(PickleKind::dict), "wanted a dict of tensors, found ", name_of(root.kind()));
  StoredCheckpoint out;
  const std::string_view wrapper = wrapper_of(root);
  if (wrapper.empty()) {
    read_tensors(root, out);
    SF_CHECK(!out.tensors.empty(),
             "wanted tensors, or a dict of them as model_state, state_dict or model; found none");
    return out;
  }
  if (const auto dict = root.find(wrapper)) read_tensors(*dict, out);
  for (size_t i = 0; i < root.pairs(); ++i)
    if (const auto [key, value] = root.pair(i); key.string() != wrapper)
      read_entry(key.name(), value, out);
  return out;
}

}  // namespace

TorchStorage torch_storage(const PickleValue& persistent) {
  SF_CHECK(persistent.is(PickleKind::persistent), "wanted a storage, found ",
           name_of(persistent.kind()));
  const PickleValue id = persistent.item(0);
  SF_CHECK(id.is(PickleKind::tuple) && id.size() >= 5 && id.item(0).string() == "storage",
           "wanted a storage with type, key, location and size, found a ", name_of(id.kind()));
  SF_CHECK(id.size() == 5 || id.item(5).is(PickleKind::none),
           "wanted a whole storage, found a view of one");
  const auto type = std::ranges::find(kStorageNames, id.item(1).text(), &StorageName::global);
  SF_CHECK(type != kStorageNames.end(),
           "wanted elements of float, double, half, bfloat16, long, int, byte or bool, found ",
           printable(id.item(1).text()));
  const int64_t elements = id.item(4).integer();
  SF_CHECK(elements >= 0 && elements < int64_t{1} << 56,
           "wanted a storage of 0 or more elements, found ", elements);
  return {.key = id.item(2).string(), .dtype = type->dtype, .elements = elements};
}

StoredCheckpoint checkpoint_from_torch(const std::shared_ptr<const TorchFile>& file) {
  return TorchReader(file).read(file->pickle.root());
}

}  // namespace sf
