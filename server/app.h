#pragma once
// From a request to an answer: who may ask, which handler, what all answers have in common.

#include <atomic>
#include <mutex>

#include "api/api.h"
#include "http/gate.h"
#include "http/listener.h"
#include "http/router.h"

namespace corepulse::server {

/** What a browser may do with an answer: nothing but what the page needs. */
void add_safe_headers(Response& response);

class App : public Service {
 public:
  App(const Router& router, const Gate& gate) : router_(router), gate_(gate) {}
  Plan plan(Request& head) override;
  void complete(Response& response) override { add_safe_headers(response); }
  void answered(const Request& request, int status, double seconds) override;
  HttpCounts counts() const;

 private:
  const Router& router_;
  const Gate& gate_;
  mutable std::mutex mutex_;
  HttpCounts counts_;
};

}  // namespace corepulse::server
