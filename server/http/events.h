#pragma once
// Server-sent events.

#include <string>
#include <string_view>

namespace corepulse::server {

/** "id: 3\nevent: step\ndata: {...}\n\n"; every line of `data` is one of the event's. @param id, event "": none. */
std::string sse(std::string_view event, std::string_view data, std::string_view id = "");

}  // namespace corepulse::server
