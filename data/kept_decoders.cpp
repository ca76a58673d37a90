#include "data/kept_decoders.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "kernels/base/error.h"

namespace sf {

std::optional<KeptDecoders::Decoder> KeptDecoders::take(const std::string& kind) {
  const std::lock_guard lock(mutex_);
  // The last kept one is the likeliest to be in a cache.
  const auto found = std::ranges::find(decoders_.rbegin(), decoders_.rend(), kind, &Decoder::kind);
  if (found == decoders_.rend()) return {};
  Decoder decoder = std::move(*found);
  decoders_.erase(std::next(found).base());
  return decoder;
}

void KeptDecoders::keep(Decoder decoder) {
  std::optional<Decoder> dropped;  // freed behind the lock
  const std::lock_guard lock(mutex_);
  decoders_.push_back(std::move(decoder));
  if (decoders_.size() <= most_) return;
  dropped = std::move(decoders_.front());
  decoders_.pop_front();
}

size_t KeptDecoders::size() const {
  const std::lock_guard lock(mutex_);
  return decoders_.size();
}

std::shared_ptr<KeptDecoders> decoders_for(Device device, int threads) {
  constexpr size_t kKinds = 4;  // sizes of videos, above all, that take turns
  if (device.is_host()) return nullptr;
  return std::make_shared<KeptDecoders>(kKinds * size_t(std::max(threads, 1)));
}

std::string decoder_kind(const AVCodecParameters& p) {
  const std::string_view header(reinterpret_cast<const char*>(p.extradata),
                                size_t(p.extradata_size));
  return cat(p.codec_id, ' ', p.codec_tag, ' ', p.profile, ' ', p.level, ' ', p.format, ' ',
             p.width, 'x', p.height, ' ', p.field_order, ' ', p.color_range, ' ', p.video_delay,
             ' ', p.bits_per_coded_sample, ' ', header);
}

}  // namespace sf
