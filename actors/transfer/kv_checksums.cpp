#include "actors/transfer/kv_checksums.hpp"

#include "gpu/checksums.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

namespace actord {

namespace {

// MD5 tells one cache content from another here; nothing is protected by it.
class md5 {
public:
  md5() : context_(EVP_MD_CTX_new(), &EVP_MD_CTX_free) {
    EVP_DigestInit_ex(context_.get(), EVP_md5(), nullptr);
  }

  void add(std::span<const std::byte> bytes) {
    EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size());
  }

  std::string hex() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    EVP_DigestFinal_ex(context_.get(), digest.data(), &size);
    std::string result;
    for (unsigned i = 0; i < size; ++i) {
      char text[3];
      std::snprintf(text, sizeof text, "%02x", digest[i]);
      result += text;
    }
    return result;
  }

private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

} // namespace

kv_checksums::kv_checksums(std::shared_ptr<const paged_memory> memory, boxed<checksum_order> order)
  : memory_(std::move(memory)), order_(std::move(order)) {
}

void kv_checksums::run() {
  const auto& ids = order_->block_ids;
  const auto step = static_cast<size_t>(order_->blocks_per_chunk);
  const auto layers = memory_->layout->layers.size();
  report_.layers.resize(order_->layerwise ? layers : 1);
  for (size_t begin = 0; begin < ids.size(); begin += step) {
    auto chunk = std::span{ids}.subspan(begin, std::min(step, ids.size() - begin));
    md5 all;
    for (size_t layer = 0; layer < layers; ++layer) {
      md5 one;
      auto& sum = order_->layerwise ? one : all;
      fault_ = gpu::feed_blocks(*memory_->layout, memory_->tensors, layer, chunk,
                                [&](std::span<const std::byte> bytes) { sum.add(bytes); });
      if (!fault_.empty())
        return;
      if (order_->layerwise)
        report_.layers[layer].push_back(one.hex());
    }
    if (!order_->layerwise)
      report_.layers[0].push_back(all.hex());
  }
}

} // namespace actord
