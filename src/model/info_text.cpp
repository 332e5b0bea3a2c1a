// ModelInfo as a table and as JSON.

#include <fmt/format.h>

#include "corepulse/model.h"

#include "io/json.h"

namespace corepulse {
namespace {

using Json = nlohmann::ordered_json;

std::string size(uint64_t bytes) {
  const double mega = static_cast<double>(bytes) / 1e6;
  return mega >= 1000 ? fmt::format("{:.2f} GB", mega / 1000) : fmt::format("{:.1f} MB", mega);
}

std::string millions(uint64_t parameters) {
  return fmt::format("{:.1f} M", static_cast<double>(parameters) / 1e6);
}

std::string grid(int width, int height) {
  return fmt::format("{}x{}", width, height);
}

std::string components_text(const ModelInfo& info) {
  auto text = fmt::format("{:<15} {:>11} {:>10}  {:<9} {}\n", "component", "parameters", "size", "type", "file");
  for (const auto& c : info.components) {
    const auto more = c.files.size() > 1 ? fmt::format(" and {} more", c.files.size() - 1) : "";
    text += fmt::format("{:<15} {:>11} {:>10}  {:<9} {}{}\n", c.name, millions(c.parameters), size(c.bytes), c.dtype,
                        c.files.empty() ? "" : c.files[0], more);
  }
  return text + fmt::format("{:<15} {:>11} {:>10}\n", "together", millions(info.parameters), size(info.bytes));
}

std::string blocks_text(const ModelInfo& info) {
  constexpr auto row = "{:<9} {:<14} {:>8} {:>8} {:>6} {:>5} {:>6}  {}\n";
  auto text = fmt::format(row, "block", "Diffusers", "channels", "grid", "cross", "self", "heads", "LDM, ComfyUI");
  int cross = 0, self = 0;
  for (const auto& b : info.blocks) {
    cross += b.cross_layers, self += b.self_layers;
    text += fmt::format(row, b.id, b.path, b.channels, grid(b.grid_width, b.grid_height), b.cross_layers, b.self_layers,
                        b.heads, b.ldm);
  }
  return text + fmt::format(row, "together", "", "", "", cross, self, "", "");
}

Json to_json(const ComponentInfo& c) {
  return {{"name", c.name}, {"files", c.files}, {"dtype", c.dtype}, {"parameters", c.parameters}, {"bytes", c.bytes}};
}

Json to_json(const BlockInfo& b) {
  return {{"id", b.id},
          {"path", b.path},
          {"channels", b.channels},
          {"grid_height", b.grid_height},
          {"grid_width", b.grid_width},
          {"cross_layers", b.cross_layers},
          {"self_layers", b.self_layers},
          {"heads", b.heads},
          {"ldm", b.ldm}};
}

Json to_json(const SiteInfo& s) {
  return {{"id", s.id},
          {"block", s.block},
          {"ldm", s.ldm},
          {"path", s.path},
          {"attention", s.attention},
          {"depth", s.depth},
          {"cross", s.cross},
          {"heads", s.heads},
          {"grid_height", s.grid_height},
          {"grid_width", s.grid_width}};
}

template <class T>
Json list(const std::vector<T>& items) {
  auto result = Json::array();
  for (const auto& item : items) result.push_back(to_json(item));
  return result;
}

}  // namespace

std::string to_text(const ModelInfo& info) {
  const auto levels = info.edm        ? fmt::format(" at EDM's sigmas {:g} to {:g}", info.sigma_max, info.sigma_min)
                      : info.zero_snr ? " from pure noise"
                                      : "";
  const auto known = info.known_as.empty() ? "" : fmt::format(" ({})", info.known_as);
  auto text = fmt::format(
      "{}: {}{}{}, predicts {}{}, sampled by {}, {}x{} pixels, text width {}\n", info.name, name(info.family), known,
      info.inpaint   ? " (inpainting)"
      : info.pix2pix ? " (instruct-pix2pix)"
                     : "",
      name(info.prediction), levels, name(info.sampler), info.width, info.height, info.context_width);
  if (!info.fingerprint.empty()) text += fmt::format("fingerprint {}\n", info.fingerprint);
  text += "\n" + components_text(info) + "\n" + blocks_text(info);
  for (const auto& note : info.notes) text += "\nnote: " + note;
  return info.notes.empty() ? text : text + "\n";
}

std::string to_json(const ModelInfo& info) {
  Json json = {{"name", info.name},
               {"family", name(info.family)},
               {"prediction", name(info.prediction)},
               {"zero_snr", info.zero_snr},
               {"edm", info.edm},
               {"sigma_min", info.sigma_min},
               {"sigma_max", info.sigma_max},
               {"known_as", info.known_as},
               {"width", info.width},
               {"height", info.height},
               {"latent_downscale", info.latent_downscale},
               {"inpaint", info.inpaint},
               {"pix2pix", info.pix2pix},
               {"context_width", info.context_width},
               {"parameters", info.parameters},
               {"bytes", info.bytes},
               {"builtin", info.builtin},
               {"components", list(info.components)},
               {"blocks", list(info.blocks)},
               {"sites", list(info.sites)},
               {"notes", info.notes}};
  if (!info.fingerprint.empty()) json["fingerprint"] = info.fingerprint;
  // replace: file names need not be UTF-8.
  return json.dump(2, ' ', false, Json::error_handler_t::replace);
}

}  // namespace corepulse
