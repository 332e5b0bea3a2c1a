#include "pipeline/foreign/comfy_nodes.h"

#include <algorithm>
#include <fmt/format.h>

#include "io/utf8.h"
#include "pipeline/foreign/reading.h"

namespace corepulse::pipeline {
namespace {

constexpr size_t kMostNodes = 2000;

/** ["4", 0]: a node's number and which of its outputs. */
bool is_link(const io::Json& value) {
  return value.is_array() && value.size() == 2 && (value[0].is_string() || value[0].is_number_integer()) &&
         value[1].is_number_integer();
}

/** What a node holds that gives one value: a primitive, a seed, a text. */
const io::Json* held(const ComfyNode& node) {
  for (const std::string_view name : {"value", "text", "string", "seed", "noise_seed", "int", "float", "number"})
    if (const auto* value = node.input(name)) return value;
  return nullptr;
}

const io::Json* first_link(const ComfyNode& node) {
  const auto found = std::find_if(node.inputs->begin(), node.inputs->end(), is_link);
  return found == node.inputs->end() ? nullptr : &*found;
}

}  // namespace

std::string ComfyNode::shown() const {
  return fmt::format("node {} ({})", io::printable(id, 20), io::printable(kind, 60));
}

const io::Json* ComfyNode::input(std::string_view name) const {
  const auto found = inputs->find(name);
  return found == inputs->end() ? nullptr : &*found;
}

bool ComfyNode::links(std::string_view name) const {
  const auto* value = input(name);
  return value && is_link(*value);
}

ComfyNodes::ComfyNodes(io::Json json) : json_(std::move(json)) {
  if (json_.is_object())
    for (const auto& [id, node] : json_.items()) {
      const bool is_node = node.is_object() && node.contains("class_type") && node["class_type"].is_string() &&
                           node.contains("inputs") && node["inputs"].is_object();
      if (is_node) nodes_.push_back({id, node["class_type"].get<std::string>(), &node["inputs"]});
    }
  if (nodes_.size() > kMostNodes)
    refuse_foreign(ErrorCode::bad_file,
                   fmt::format("its graph has {} nodes; expected at most {}", nodes_.size(), kMostNodes));
  if (nodes_.empty())
    refuse_foreign(ErrorCode::invalid_request,
                   "its text \"prompt\" is no graph of ComfyUI: there are no nodes with class_type and inputs");
}

const ComfyNode& ComfyNodes::linked(const ComfyNode& from, const io::Json& link) const {
  const auto id = link[0].is_string() ? link[0].get<std::string>() : link[0].dump();
  const auto found =
      std::lower_bound(nodes_.begin(), nodes_.end(), id,
                       [](const ComfyNode& node, const std::string& wanted) { return node.id < wanted; });
  if (found == nodes_.end() || found->id != id)
    refuse_foreign(ErrorCode::invalid_request,
                   fmt::format("{} reads node {}, which is not there", from.shown(), io::printable(id, 20)));
  return *found;
}

const ComfyNode* ComfyNodes::behind(const ComfyNode& node, std::initializer_list<std::string_view> inputs) const {
  for (const auto name : inputs)
    if (node.links(name)) return &linked(node, *node.input(name));
  return nullptr;
}

const ComfyNode* ComfyNodes::behind_any(const ComfyNode& node) const {
  const auto* link = first_link(node);
  return link ? &linked(node, *link) : nullptr;
}

void ComfyWalk::visit(const ComfyNode& node) {
  if (!seen_.insert(node.id).second)
    refuse_foreign(ErrorCode::invalid_request, fmt::format("its graph goes round in a circle at {}", node.shown()));
}

bool is_reroute(const ComfyNode& node) {
  return node.kind.find("Reroute") != std::string::npos;
}

const ComfyNode* behind_reroutes(const ComfyNodes& nodes, const ComfyNode& from, std::string_view input) {
  ComfyWalk walk;
  const auto* node = nodes.behind(from, {input});
  while (node && is_reroute(*node)) {
    walk.visit(*node);
    node = nodes.behind_any(*node);
  }
  return node;
}

const io::Json* comfy_value(const ComfyNodes& nodes, const ComfyNode& start, std::string_view name) {
  ComfyWalk walk;
  const auto* value = start.input(name);
  for (const auto* node = &start; value && is_link(*value);) {
    node = &nodes.linked(*node, *value);
    walk.visit(*node);
    value = is_reroute(*node) ? first_link(*node) : held(*node);
  }
  return value && value->is_primitive() && !value->is_null() ? value : nullptr;
}

}  // namespace corepulse::pipeline
