#pragma once
// `corepulse serve`: everything put together, until it is told to stop.

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "corepulse/pipeline.h"

namespace corepulse::server {

struct ServeOptions {
  std::string host = "127.0.0.1";
  uint16_t port = 7860;
  std::string token;                ///< "": that of the environment's COREPULSE_TOKEN, if there is one.
  std::string token_file;           ///< Its first line is the token.
  bool insecure = false;            ///< Another host than loopback without a token.
  std::vector<std::string> hosts;   ///< Further names by which clients call this server.
  std::string data;                 ///< Folder; "": the user's (data_folder()).
  std::string model;                ///< Of recipes that name none.
  std::vector<std::string> models;  ///< Folders.
  std::string loras, embeddings;    ///< Folders.
  uint64_t memory = 0;              ///< Bytes for weights; 0: half of the machine's.
  LoadOptions::Device device = LoadOptions::Device::automatic;
  size_t queue = 64;
  int64_t uploads = 10'000'000'000;             ///< Bytes of the files that clients send.
  std::string studio;                           ///< A folder to serve the page from.
  std::function<void(const std::string&)> say;  ///< One line for people; may be empty.
};

/** Where a server of this user keeps what it must not lose. */
std::string data_folder();

/** Until `stop` is set, by a signal handler perhaps. @throws Error: what was asked for cannot be had. */
void serve(const ServeOptions& options, const std::atomic<bool>& stop);

}  // namespace corepulse::server
