#include "tensor/caffe2_pickle.h"

#include <map>
#include <string>

#include "tensor/caffe2_names.h"
#include "tensor/mapped_file.h"
#include "tensor/pickle_objects.h"

namespace sf {
namespace {

Tensor tensor_from_blob(const PickleValue& value, CopyBudget& budget) {
  const auto tensor = tensor_from_numpy(value, budget);
  SF_CHECK(tensor, "wanted a numpy array, found ", name_of(value.kind()));
  return channels_last_from_first(*tensor);
}

}  // namespace

Checkpoint checkpoint_from_caffe2(const PickleValue& root, const MappedFile& file) {
  SF_CHECK(root.is(PickleKind::dict), "wanted a dict with 'blobs', found ", name_of(root.kind()));
  const auto blobs = root.find("blobs");
  SF_CHECK(blobs && blobs->is(PickleKind::dict), "wanted a dict with a dict 'blobs', found none");

  Checkpoint out;
  CopyBudget budget(file.bytes().size());
  std::map<std::string, std::string> blob_of_name;
  for (size_t i = 0; i < blobs->pairs(); ++i) {
    const auto [key, value] = blobs->pair(i);
    const std::string blob = key.name();
    if (is_caffe2_solver_state(blob)) continue;
    try {
      const std::string name = name_from_caffe2(blob);
      const auto [place, added] = blob_of_name.emplace(name, blob);
      SF_CHECK(added, "becomes ", printable(name), ", as does blob ", printable(place->second));
      out.tensors.emplace_back(name, tensor_from_blob(value, budget));
      file.drop_pages();
    } catch (const Error& error) { throw Error(cat("blob ", printable(blob), ": ", error.what())); }
  }
  PlainValues plain(budget);
  for (size_t i = 0; i < root.pairs(); ++i)
    if (const auto [key, value] = root.pair(i); key.string() != "blobs")
      out.text[key.string() == "cfg" ? "config" : key.name()] = plain.text(value);
  out.format = "Caffe2 pickle";
  return out;
}

}  // namespace sf
