#pragma once
// ComfyUI's graph of a run: nodes by number, each with a kind and inputs that are values or links to other nodes.

#include <initializer_list>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "io/json.h"

namespace corepulse::pipeline {

struct ComfyNode {
  std::string id, kind;
  const io::Json* inputs = nullptr;

  /** "node 12 (KSampler)". */
  std::string shown() const;
  /** What the input says; null if there is none. */
  const io::Json* input(std::string_view name) const;
  bool links(std::string_view name) const;
};

class ComfyNodes {
 public:
  /** @throws Error{invalid_request} if the JSON is no graph as ComfyUI's API takes it. */
  explicit ComfyNodes(io::Json json);

  /** In the order of their numbers' text. */
  const std::vector<ComfyNode>& all() const { return nodes_; }
  /** The node that a link of another one means. @throws Error{invalid_request} if it is not there. */
  const ComfyNode& linked(const ComfyNode& from, const io::Json& link) const;
  /** The node behind the first of these inputs that is a link, or null. @throws as linked. */
  const ComfyNode* behind(const ComfyNode& node, std::initializer_list<std::string_view> inputs) const;
  /** Behind its first link, whatever its name is. */
  const ComfyNode* behind_any(const ComfyNode& node) const;

 private:
  io::Json json_;
  std::vector<ComfyNode> nodes_;
};

/** A way from node to node. */
class ComfyWalk {
 public:
  /** @throws Error{invalid_request} if it was here before: the graph goes round in a circle. */
  void visit(const ComfyNode& node);

 private:
  std::set<std::string> seen_;
};

/** A node that hands on what it gets. */
bool is_reroute(const ComfyNode& node);
/** What a link means, through reroutes; null if nothing is linked. @throws as ComfyNodes::linked, ComfyWalk::visit. */
const ComfyNode* behind_reroutes(const ComfyNodes& nodes, const ComfyNode& from, std::string_view input);

/**
 * The value of an input, through reroutes and nodes that hold one value (primitives, seeds, texts). Null if it cannot
 * be told. @throws Error{invalid_request} for a circle.
 */
const io::Json* comfy_value(const ComfyNodes& nodes, const ComfyNode& node, std::string_view name);

}  // namespace corepulse::pipeline
