#include "http/listener.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <fmt/format.h>
#include <thread>
#include <utility>
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

Connections Listener::State::all() const {
  Connections found;
  for (const auto& [key, weak] : connections)
    if (auto connection = weak.lock()) found.push_back(std::move(connection));
  return found;
}

void Listener::State::evict(Connection& connection) {
  ++evicted;
  connections.erase(&connection);
  connection.close();
}

void Listener::State::admit(tcp::socket socket) {
  ++accepted;
  const auto connection = std::make_shared<Connection>(std::move(socket), shared_from_this());
  Connections seen;  // let go without the lock, which their destructors take
  {
    const std::lock_guard lock(mutex);
    if (connections.size() >= size_t(options.most_connections)) {
      seen = all();
      // Whose client has kept it waiting longest; who is between two requests loses nothing and goes first.
      const auto late = [](const auto& one) { return std::pair(!one->is_idle(), one->waits_since()); };
      Connection* worst = nullptr;
      for (const auto& other : seen)
        if ((other->is_idle() || other->is_late()) && (!worst || late(other.get()) < late(worst))) worst = other.get();
      if (!worst) return void(++refused);  // its socket is closed
      evict(*worst);
    }
    connections.emplace(connection.get(), connection);
  }
  connection->start();
}

bool Listener::State::make_room(const Room& room, const Connection& who) {
  if (room.used <= room.most) return true;
  Connections seen;
  const std::lock_guard lock(mutex);  // let go before them
  const size_t used = room.used, more = used - std::min(used, room.most);
  seen = all();
  std::vector<std::pair<std::chrono::steady_clock::time_point, Connection*>> late;
  for (const auto& other : seen)
    if (other->is_late() && other->share(room).bytes() > 0) late.emplace_back(other->waits_since(), other.get());
  std::sort(late.begin(), late.end());
  size_t count = 0;
  for (size_t freed = 0; freed < more; ++count) {
    if (count == late.size() || late[count].second == &who) return false;
    freed += late[count].second->share(room).bytes();
  }
  for (size_t i = 0; i < count; ++i) {
    late[i].second->share(room).give_back();
    evict(*late[i].second);
  }
  return true;
}

void Listener::State::stop() {
  if (stopping.exchange(true)) return;
  net::post(acceptor.get_executor(), [self = shared_from_this()] {
    boost::system::error_code ignored;
    self->acceptor.close(ignored);
    self->retry.cancel();
    const auto seen = [self] {
      const std::lock_guard lock(self->mutex);
      return self->all();
    };
    for (const auto& connection : seen()) connection->close_soon();
    self->retry.expires_after(std::chrono::seconds(1));
    self->retry.async_wait([self, seen](boost::system::error_code) {
      for (const auto& connection : seen()) connection->close();
      self->work.reset();
    });
  });
}

}  // namespace corepulse::server
