#include "tensor/caffe2_pickle.h"

#include <map>
#include <string>

#include "tensor/caffe2_names.h"
#include "tensor/mapped_file.h"
#include "tensor/pickle_objects.h"

namespace sf {
namespace {

// The file is given back the pages of data that has been copied.
StoredTensor stored_blob(const std::string& name, const std::string& where,
                         const PickleValue& value, const std::shared_ptr<CopyBudget>& budget,
                         const std::shared_ptr<const Pickle>& pickle,
                         const std::shared_ptr<const MappedFile>& file) {
  const auto array = numpy_array(value);
  SF_CHECK(array, "wanted a numpy array, found ", name_of(value.kind()));
  return {name,
          {channels_last(array->type.shape), array->type.dtype},
          [where, array = *array, budget, pickle, file] {
            return naming(where, [&] {
              const auto data = std::as_bytes(std::span(array.data.text()));
              file->read_ahead(data);
              Tensor tensor = tensor_from_numpy(array, *budget);
              file->drop_pages(data);
              return tensor;
            });
          }};
}

}  // namespace

StoredCheckpoint checkpoint_from_caffe2(const std::shared_ptr<const Pickle>& pickle,
                                        const std::shared_ptr<const MappedFile>& file) {
  const PickleValue root = pickle->root();
  SF_CHECK(root.is(PickleKind::dict), "wanted a dict with 'blobs', found ", name_of(root.kind()));
  const auto blobs = root.find("blobs");
  SF_CHECK(blobs && blobs->is(PickleKind::dict), "wanted a dict with a dict 'blobs', found none");

  StoredCheckpoint out;
  const auto budget = std::make_shared<CopyBudget>(file->bytes().size());
  std::map<std::string, std::string> blob_of_name;
  for (size_t i = 0; i < blobs->pairs(); ++i) {
    const auto [key, value] = blobs->pair(i);
    const std::string blob = key.name();
    if (is_caffe2_solver_state(blob)) continue;
    const std::string where = "blob " + printable(blob);
    naming(where, [&, &value = value] {
      const std::string name = name_from_caffe2(blob);
      const auto [place, added] = blob_of_name.emplace(name, blob);
      SF_CHECK(added, "becomes ", printable(name), ", as does blob ", printable(place->second));
      out.tensors.push_back(stored_blob(name, where, value, budget, pickle, file));
    });
  }
  PlainValues plain(*budget);
  for (size_t i = 0; i < root.pairs(); ++i)
    if (const auto [key, value] = root.pair(i); key.string() != "blobs")
      out.text[key.string() == "cfg" ? "config" : key.name()] = plain.text(value);
  out.format = "Caffe2 pickle";
  return out;
}

}  // namespace sf
