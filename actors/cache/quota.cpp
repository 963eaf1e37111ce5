#include "actors/cache/quota.hpp"

#include <string>
#include <utility>

namespace actord {

quota_actor::behavior_type
quota(quota_actor::stateful_pointer<quota_state> self, std::shared_ptr<quota_levels> levels) {
  self->state.levels = std::move(levels);
  return {
    [self](atom::set, const std::string& salt, uint64_t limit_bytes) -> caf::result<caf::ok_atom> {
      if (self->state.book.set(salt, limit_bytes)) {
        self->state.levels->set_limit(salt, limit_bytes);
        return caf::ok_atom_v;
      }
      return make_error(ec::busy, std::to_string(quota_book::max_entries)
                                    + " salts have a quota, which is the most; delete one first");
    },
    [self](atom::get, const std::string& salt) {
      auto limit = self->state.book.get(salt);
      return quota_entry{salt, limit.value_or(0), limit.has_value()};
    },
    [self](atom::erase, const std::string& salt) {
      self->state.levels->erase(salt);
      return self->state.book.remove(salt);
    },
    [self](atom::list) {
      std::vector<quota_entry> result;
      for (const auto& [salt, limit] : self->state.book.list())
        result.push_back({salt, limit, true});
      return result;
    },
  };
}

} // namespace actord
