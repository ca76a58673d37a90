#include "apps/engine/training_state.h"

#include <cmath>

#include "kernels/base/error.h"
#include "tensor/bounded_json.h"
#include "tensor/mapped_file.h"

namespace sf {
namespace {

using nlohmann::json;

constexpr const char* kProgress = "training";
constexpr std::string_view kNote = "training.";

NamedTensors copies(const NamedTensors& tensors) {
  NamedTensors all;
  for (const auto& [name, tensor] : tensors) all.emplace_back(name, tensor.copy_on(Device{}));
  return all;
}

int64_t count(const json& progress, const char* key) {
  const auto found = progress.find(key);
  SF_CHECK(found != progress.end() && found->is_number_unsigned(),
           "training state: wanted a count '", key, "', found ",
           found == progress.end() ? "none" : printable(found->dump()));
  const auto value = found->get<uint64_t>();
  SF_CHECK(value <= uint64_t(1) << 62, "training state: ", key, ": found ", value);
  return int64_t(value);
}

std::optional<double> number(const json& progress, const char* key) {
  const auto found = progress.find(key);
  if (found == progress.end()) return {};
  SF_CHECK(found->is_number(), "training state: ", key, ": wanted a number, found ",
           printable(found->dump()));
  return found->get<double>();
}

// A configuration may hold paths in any encoding; other bytes than UTF-8 become U+FFFD.
std::string utf8(const std::string& text) {
  return json::parse(json(text).dump(-1, ' ', false, json::error_handler_t::replace));
}

// JSON has no infinite numbers.
void put(json& progress, const char* key, std::optional<double> value) {
  if (value && std::isfinite(*value)) progress[key] = *value;
}

}  // namespace

NamedTensors tensors_of(const Model& model) {
  NamedTensors all;
  for (const Parameter& p : model.parameters()) all.emplace_back(p.name, p.tensor);
  return all;
}

NamedTensors buffers_of(const Model& model) {
  NamedTensors all;
  for (const Parameter& p : model.parameters())
    if (!p.trainable) all.emplace_back(p.name, p.tensor);
  return all;
}

TrainingState snapshot(const TrainingState& state) {
  TrainingState copy = state;
  copy.model = copies(state.model);
  copy.optimizer = copies(state.optimizer);
  return copy;
}

Checkpoint to_checkpoint(const TrainingState& state) {
  Checkpoint out;
  out.tensors = state.model;
  out.optimizer = state.optimizer;
  if (state.epochs > 0) out.epoch = state.epochs - 1;
  json progress{{"epochs", state.epochs},
                {"iterations", state.iterations},
                {"next_batch", state.next_batch},
                {"optimizer_steps", state.optimizer_steps}};
  if (state.seed) progress["seed"] = *state.seed;
  put(progress, "loss_scale", state.loss_scale);
  if (state.loss_scale) progress["loss_scale_steps"] = state.loss_scale_steps;
  put(progress, "best_error", state.best_error);
  out.text[kProgress] = progress.dump();
  if (!state.config.empty()) out.text["config"] = utf8(state.config);
  for (const auto& [name, text] : state.notes) out.text[cat(kNote, name)] = text;
  return out;
}

TrainingState from_checkpoint(const Checkpoint& checkpoint) {
  TrainingState state;
  state.model = checkpoint.tensors;
  state.optimizer = checkpoint.optimizer;
  for (const auto& [key, text] : checkpoint.text) {
    if (key == "config") state.config = text;
    if (key.starts_with(kNote)) state.notes[key.substr(kNote.size())] = text;
  }
  const auto progress_text = checkpoint.text.find(kProgress);
  if (progress_text == checkpoint.text.end()) {
    const int64_t last = checkpoint.epoch.value_or(-1);
    SF_CHECK(last >= -1 && last < int64_t(1) << 62, "epoch: wanted one from 0 on, found ", last);
    state.epochs = last + 1;
    return state;
  }
  const json progress = parse_bounded_json(progress_text->second, "training state");
  SF_CHECK(progress.is_object(), "training state: wanted an object, found ", progress.type_name());
  state.epochs = count(progress, "epochs");
  state.iterations = count(progress, "iterations");
  state.next_batch = count(progress, "next_batch");
  state.optimizer_steps = count(progress, "optimizer_steps");
  state.loss_scale = number(progress, "loss_scale");
  if (progress.contains("loss_scale_steps"))
    state.loss_scale_steps = count(progress, "loss_scale_steps");
  state.best_error = number(progress, "best_error");
  if (const auto seed = progress.find("seed"); seed != progress.end()) {
    SF_CHECK(seed->is_number_unsigned(), "training state: wanted a seed of 0 or more, found ",
             printable(seed->dump()));
    state.seed = seed->get<uint64_t>();
  }
  return state;
}

}  // namespace sf
