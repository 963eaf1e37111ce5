// From the answers of actors to the bodies of replies.
#pragma once

#include "actors/messages.hpp"

#include <string>

namespace actord {

std::string prepare_store_body(const slot_plan& plan);
std::string prepare_retrieve_body(const slot_plan& plan);

} // namespace actord
