// Messages over a TCP connection: JSON objects, a line each.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>  // which Boost 1.74 forgets

#include <boost/asio.hpp>
#include <nlohmann/json.hpp>

namespace sf {

// All calls and callbacks happen on the thread that runs the socket's io_context.
class MessageStream : public std::enable_shared_from_this<MessageStream> {
 public:
  using Json = nlohmann::json;

  // Lines longer than this end the connection: far above the largest, the addresses of some
  // thousand ranks.
  static constexpr size_t kMaxLine = 4 << 20;

  explicit MessageStream(boost::asio::ip::tcp::socket socket);

  // From now on on_message gets each message. What is no JSON object, or makes on_message throw,
  // ends the connection, as the other side's closing does. on_end is called once then, with the
  // reason; never after close().
  void start(std::function<void(const Json&)> on_message,
             std::function<void(const std::string&)> on_end);
  // Other callbacks from the next message on, for one of those that start() was given.
  void redirect(std::function<void(const Json&)> on_message,
                std::function<void(const std::string&)> on_end);
  void send(const Json& message);
  // Messages that the other side has yet to take.
  size_t unsent() const { return lines_.size(); }
  // What has been sent still arrives; what comes in is no longer read.
  void close_after_sending();
  void close();

  boost::asio::ip::tcp::socket& socket() { return socket_; }

 private:
  void read();
  void handle(const std::string& line);
  void write();
  void end(const std::string& reason);

  boost::asio::ip::tcp::socket socket_;
  std::string received_;
  std::deque<std::string> lines_;
  std::function<void(const Json&)> on_message_;
  std::function<void(const std::string&)> on_end_;
  bool closing_ = false;
};

// A whole number of a message; throws Error where it is missing, no such number or out of range.
int64_t whole_number(const MessageStream::Json& message, const char* key, int64_t least,
                     int64_t greatest);
// Bytes as text that JSON can hold: two hexadecimal digits each. from_hex throws on other text.
std::string to_hex(const std::string& bytes);
std::string from_hex(const std::string& digits);

}  // namespace sf
