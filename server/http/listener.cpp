#include "http/listener.h"

#include <boost/asio/post.hpp>
#include <fmt/format.h>
#include <thread>
#include <vector>

#include "corepulse/error.h"

#include "http/connection.h"

namespace corepulse::server {

Listener::Listener(Service& service, const ListenOptions& options) : state_(std::make_shared<State>(service, options)) {
  try {
    state_->open();
  } catch (const boost::system::system_error& error) {
    throw Error(ErrorCode::io, fmt::format("[serve] cannot listen at {}, port {}: {}", options.host, options.port,
                                           error.code().message()));
  }
}

Listener::~Listener() {
  state_->handlers.join();
}

uint16_t Listener::port() const {
  return state_->acceptor.local_endpoint().port();
}

void Listener::run() {
  state_->work.emplace(state_->io.get_executor());
  state_->accept();
  std::vector<std::thread> threads;
  for (int i = 1; i < state_->options.io_threads; ++i) threads.emplace_back([this] { state_->io.run(); });
  state_->io.run();
  for (auto& thread : threads) thread.join();
  // What handlers use lives as long as run. Their answers find closed sockets.
  state_->handlers.join();
  state_->io.restart();
  state_->io.poll();
}

void Listener::stop() {
  state_->stop();
}

ConnectionCounts Listener::counts() const {
  const std::lock_guard lock(state_->mutex);
  return {static_cast<int>(state_->connections.size()), state_->accepted, state_->evicted, state_->refused};
}

void Listener::State::open() {
  tcp::resolver resolver(io);
  const auto found = resolver.resolve(options.host, std::to_string(options.port), tcp::resolver::passive);
  const auto endpoint = found.begin()->endpoint();
  acceptor.open(endpoint.protocol());
  acceptor.set_option(tcp::acceptor::reuse_address(true));
  acceptor.bind(endpoint);
  acceptor.listen(1024);
}

void Listener::State::accept() {
  acceptor.async_accept(net::make_strand(io),
                        [self = shared_from_this()](boost::system::error_code error, tcp::socket socket) {
                          if (self->stopping) return;
                          if (!error) {
                            self->admit(std::move(socket));
                            return self->accept();
                          }
                          // Too many open files, say: some will be closed.
                          self->retry.expires_after(std::chrono::milliseconds(50));
                          self->retry.async_wait([self](boost::system::error_code aborted) {
                            if (!aborted && !self->stopping) self->accept();
                          });
                        });
}

void Listener::State::admit(tcp::socket socket) {
  ++accepted;
  const auto connection = std::make_shared<Connection>(std::move(socket), shared_from_this());
  std::shared_ptr<Connection> idle;
  std::vector<std::shared_ptr<Connection>> seen;  // let go without the lock, which their destructors take
  {
    const std::lock_guard lock(mutex);
    if (connections.size() >= size_t(options.most_connections)) {
      for (const auto& [key, weak] : connections)
        if (auto other = weak.lock()) seen.push_back(std::move(other));
      for (const auto& other : seen)
        if (other->is_idle() && (!idle || other->idle_since() < idle->idle_since())) idle = other;
      ++(idle ? evicted : refused);
      if (!idle) return;  // its socket is closed
      connections.erase(idle.get());
    }
    connections.emplace(connection.get(), connection);
  }
  if (idle) idle->close();
  connection->start();
}

void Listener::State::stop() {
  if (stopping.exchange(true)) return;
  net::post(acceptor.get_executor(), [self = shared_from_this()] {
    boost::system::error_code ignored;
    self->acceptor.close(ignored);
    self->retry.cancel();
    std::vector<std::shared_ptr<Connection>> all;
    {
      const std::lock_guard lock(self->mutex);
      for (const auto& [key, weak] : self->connections)
        if (auto connection = weak.lock()) all.push_back(std::move(connection));
    }
    for (const auto& connection : all) connection->close_soon();
    self->retry.expires_after(std::chrono::seconds(1));
    self->retry.async_wait([self](boost::system::error_code) {
      std::vector<std::shared_ptr<Connection>> rest;
      {
        const std::lock_guard lock(self->mutex);
        for (const auto& [key, weak] : self->connections)
          if (auto connection = weak.lock()) rest.push_back(std::move(connection));
      }
      for (const auto& connection : rest) connection->close();
      self->work.reset();
    });
  });
}

}  // namespace corepulse::server
