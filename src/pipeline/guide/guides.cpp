#include "pipeline/guide/guides.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/fail.h"
#include "control/effects/side_network.h"
#include "control/recipe/words.h"
#include "io/digest/digests.h"
#include "io/digest/sha256.h"
#include "io/utf8.h"
#include "pipeline/forecast/work.h"
#include "pipeline/prepare/visit_files.h"

namespace corepulse::pipeline {
namespace {

/** Of a file; of several pieces, that of theirs. */
std::string digest_of(const model::SideFile& file) {
  std::string all;
  for (const auto& mapping : file.mappings) all += io::kept_sha256(mapping);
  return file.mappings.size() == 1 ? all : io::sha256_of(all);
}

void check_digest(const std::string& wanted, const std::string& found, const std::string& name, const char* field) {
  if (!wanted.empty() && wanted != found)
    fail(ErrorCode::bad_file, "controlnet",
         fmt::format("{} is not the file that the recipe was made with: its SHA-256 is {:.10}..., the recipe's "
                     "{:.10}...; put that file back, or take {} out of the recipe",
                     io::printable(name, 300), found, io::printable(wanted), field));
}

/** Several controls may read one network with different pictures: its tensors are understood once. */
std::shared_ptr<const model::SideParts> network_of(const ControlNet& net, const Guides& known,
                                                   const model::Parts& parts) {
  for (const auto& guide : known)
    if (guide->file == net.file) return guide->network;
  return std::make_shared<const model::SideParts>(model::understand_side(net.file, parts));
}

/** ControlNet::type, checked against what the network knows. */
int checked_type(const ControlNet& net, const model::SideParts& network) {
  const auto words = control::names_of<ControlNet::Type>();
  const int types = network.control_net() ? network.control_net()->types : 0;
  const auto known = words.first(std::min(words.size(), static_cast<size_t>(types)));
  if (types == 0 && net.type)
    fail(ErrorCode::invalid_request, "type", "this network knows one type of pictures alone; leave it out");
  if (types == 0) return 0;
  if (!net.type || static_cast<size_t>(*net.type) >= known.size())
    fail(ErrorCode::invalid_request, "type",
         fmt::format("{}; this network must be told what the picture is: one of {}",
                     net.type ? fmt::format("it does not know {}", words[static_cast<size_t>(*net.type)]) : "none",
                     fmt::join(known, ", ")));
  return static_cast<int>(*net.type);
}

std::shared_ptr<const Guide> read_guide(const ControlNet& net, const Guides& known, const model::Parts& parts,
                                        const GuidedRun& run, const std::string& path) {
  Guide guide;
  guide.file = net.file, guide.network = network_of(net, known, parts);
  guide.info = {control::side_network_name(net), guide.network->skips, guide.network->what,
                side_work(*guide.network, run.latent_height, run.latent_width) /
                    unet_work(parts, run.latent_height, run.latent_width).sum()};
  guide.pool = net.pool.value_or(guide.network->pools);
  guide.type = checked_type(net, *guide.network);
  if (net.guess && !guide.network->control_net())
    fail(ErrorCode::invalid_request, "guess", "a T2I-Adapter has no guess mode; leave it out");
  guide.sha256 = digest_of(guide.network->file);
  const auto read =
      read_start_picture({.file = net.picture, .data = net.data, .sha256 = net.picture_sha256}, "picture");
  const bool typed = guide.network->control_net() && guide.network->control_net()->types > 0;
  guide.picture = hint_picture(read.image, net, run.canvas, typed ? 0 : -1, path);
  guide.picture_sha256 = net.data.empty() ? read.sha256 : "";
  return std::make_shared<const Guide>(std::move(guide));
}

auto of(const ControlNet& net) {
  return [wanted = control::side_network_name(net)](const auto& guide) { return guide->info.name == wanted; };
}

/** visit(ControlNet&, path) for those that act. */
template <class Controls, class Visit>
void each_net(Controls& controls, const std::string& path, const Visit& visit) {
  for (size_t i = 0; i < controls.size(); ++i) {
    auto* net = controls[i].enabled ? side_network_of(controls[i]) : nullptr;
    if (!net || net->file.empty() || net->picture.empty() == net->data.empty())
      continue;  // control's own checks say so
    const auto own = fmt::format("{}[{}]", path, i);
    try {
      visit(*net, own);
    } catch (const Error& e) {
      throw Error(e.code(), fmt::format("[{}] {}", own, e.what()));
    }
  }
}

}  // namespace

Guides with_guides(Guides known, const std::vector<Control>& controls, const std::string& path,
                   const model::Parts& parts, const GuidedRun& run) {
  each_net(controls, path, [&](const ControlNet& net, const std::string& own) {
    auto guide = std::find_if(known.begin(), known.end(), of(net));
    if (guide == known.end()) guide = known.insert(guide, read_guide(net, known, parts, run, own));
    check_digest(net.sha256, (*guide)->sha256, net.file, "sha256");
    check_digest(net.data.empty() ? net.picture_sha256 : "", (*guide)->picture_sha256, net.picture, "picture_sha256");
  });
  return known;
}

void keep_digests(std::vector<Control>& controls, const Guides& guides) {
  each_net(controls, "controls", [&](ControlNet& net, const std::string&) {
    const auto& guide = **std::find_if(guides.begin(), guides.end(), of(net));
    net.sha256 = guide.sha256, net.picture_sha256 = guide.picture_sha256;
  });
}

}  // namespace corepulse::pipeline
