#include "actors/l2/serde_backend.hpp"

#include "actors/l2/serde_calls.hpp"

#include <system_error>

namespace actord {

// In the order in which they are made; calls end before any of them goes.
struct serde_backend::parts {
  std::unique_ptr<l2_backend> inner;
  std::unique_ptr<const serde> made;
  std::shared_ptr<serde_calls> calls;
  std::unique_ptr<serde_workers> workers;
  serde_backend_options options;
};

serde_backend::serde_backend(serde_backend_options options, std::unique_ptr<l2_backend> inner)
  : parts_(std::make_unique<parts>()) {
  parts_->inner = std::move(inner);
  parts_->options = std::move(options);
  parts_->calls = std::make_shared<serde_calls>(parts_->options, *parts_->inner);
}

serde_backend::~serde_backend() {
  parts_->calls->close();
  parts_->workers.reset();
}

std::string serde_backend::open() {
  auto made = parts_->options.make();
  if (!made.made)
    return made.error;
  if (auto error = parts_->inner->open(); !error.empty())
    return error;
  parts_->made = std::move(made.made);
  try {
    parts_->workers = std::make_unique<serde_workers>(*parts_->made, parts_->options.workers);
  } catch (const std::system_error& error) {
    return std::string("the serde's ") + std::to_string(parts_->options.workers)
           + " threads cannot be started (" + error.what()
           + "): raise the limit of processes, or lower serde.max_workers";
  }
  parts_->calls->use(*parts_->made, *parts_->workers);
  return {};
}

void serde_backend::store(l2_batch batch, done answer) {
  parts_->calls->begin(true, std::move(batch), std::move(answer));
}

void serde_backend::load(l2_batch batch, done answer) {
  parts_->calls->begin(false, std::move(batch), std::move(answer));
}

void serde_backend::probe(l2_batch batch, done answer) {
  std::vector<l2_item> asked;
  std::vector<size_t> places;
  for (size_t i = 0; i < batch->size(); ++i) {
    asked.push_back((*batch)[i]);
    // Of what may have any length, any will do.
    if (auto& length = asked.back().object.length_bytes; length != 0) {
      const auto form = parts_->calls->form_of((*batch)[i].object);
      if (!form.problem.empty()) {
        asked.pop_back(); // it could not be loaded
        continue;
      }
      length = form.stored_bytes;
    }
    places.push_back(i);
  }
  auto shared = std::make_shared<const std::vector<l2_item>>(std::move(asked));
  parts_->calls->pass([shared](l2_backend& inner,
                               done then) { inner.probe(shared, std::move(then)); },
                      [count = batch->size(), places = std::move(places),
                       answer = std::move(answer)](l2_report part) {
                        l2_report whole{std::vector<l2_result>(count, l2_result::absent),
                                        std::vector<uint64_t>(count, 0), std::move(part.error)};
                        for (size_t i = 0; i < places.size(); ++i) {
                          whole.results[places[i]] = part.results[i];
                          whole.stored_bytes[places[i]] = part.stored_bytes[i];
                        }
                        answer(std::move(whole));
                      });
}

void serde_backend::erase(l2_batch batch, done answer) {
  parts_->calls->pass([batch = std::move(batch)](
                        l2_backend& inner, done then) { inner.erase(batch, std::move(then)); },
                      std::move(answer));
}

void serde_backend::scan(page more) {
  parts_->calls->pass([more = std::move(more)](l2_backend& inner) { inner.scan(more); });
}

std::vector<std::pair<std::string, std::string>> serde_backend::status() const {
  auto result = parts_->inner->status();
  if (parts_->made)
    result.emplace_back("serde", parts_->made->type());
  for (auto& entry : parts_->calls->status())
    result.push_back(std::move(entry));
  return result;
}

uint64_t serde_backend::capacity_objects() const {
  return parts_->inner->capacity_objects();
}

uint64_t serde_backend::capacity_bytes() const {
  return parts_->inner->capacity_bytes();
}

uint64_t serde_backend::stored_length_bytes(const object_ref& object) const {
  auto stored = object;
  stored.length_bytes = parts_->calls->form_of(object).stored_bytes;
  return stored.length_bytes == 0 ? 0 : parts_->inner->stored_length_bytes(stored);
}

} // namespace actord
