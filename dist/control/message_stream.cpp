#include "dist/control/message_stream.h"

#include <utility>

#include "kernels/base/error.h"

namespace sf {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

std::string text_of(const MessageStream::Json& message) {
  return message.dump(-1, ' ', true, MessageStream::Json::error_handler_t::replace);
}

std::string hung_up(error_code error) { return cat("it hung up: ", error.message()); }

}  // namespace

MessageStream::MessageStream(asio::ip::tcp::socket socket) : socket_(std::move(socket)) {
  error_code ignored;
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
}

void MessageStream::start(std::function<void(const Json&)> on_message,
                          std::function<void(const std::string&)> on_end) {
  redirect(std::move(on_message), std::move(on_end));
  read();
}

void MessageStream::redirect(std::function<void(const Json&)> on_message,
                             std::function<void(const std::string&)> on_end) {
  on_message_ = std::move(on_message);
  on_end_ = std::move(on_end);
}

void MessageStream::read() {
  asio::async_read_until(socket_, asio::dynamic_buffer(received_, kMaxLine), '\n',
                         [self = shared_from_this()](error_code error, size_t bytes) {
                           if (!self->on_end_) return;
                           if (error) return self->end(hung_up(error));
                           const std::string line = self->received_.substr(0, bytes);
                           self->received_.erase(0, bytes);
                           self->handle(line);
                           if (self->on_end_) self->read();
                         });
}

void MessageStream::handle(const std::string& line) {
  try {
    // What is nested deeper than any message costs no memory.
    const Json message = Json::parse(line, [](int depth, auto, const auto&) { return depth <= 4; });
    SF_CHECK(message.is_object(), "wanted an object");
    const auto on_message = on_message_;  // which may redirect() while it runs
    on_message(message);
  } catch (const std::exception&) {
    end(cat("it says ", text_of(line.substr(0, line.find_last_not_of("\r\n") + 1).substr(0, 80)),
            ", which is no message of a process group"));
  }
}

void MessageStream::send(const Json& message) {
  if (closing_ || !socket_.is_open()) return;
  lines_.push_back(text_of(message) + '\n');
  if (lines_.size() == 1) write();
}

void MessageStream::write() {
  asio::async_write(socket_, asio::buffer(lines_.front()),
                    [self = shared_from_this()](error_code error, size_t) {
                      if (error) {
                        self->lines_.clear();
                        return self->end(hung_up(error));
                      }
                      self->lines_.pop_front();
                      if (!self->lines_.empty())
                        self->write();
                      else if (self->closing_)
                        self->close();
                    });
}

void MessageStream::end(const std::string& reason) {
  const auto on_end = std::exchange(on_end_, nullptr);
  close();
  if (on_end) on_end(reason);
}

void MessageStream::close_after_sending() {
  on_end_ = nullptr;
  closing_ = true;
  if (lines_.empty()) close();
}

void MessageStream::close() {
  on_end_ = nullptr;
  error_code ignored;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_both, ignored);
  socket_.close(ignored);
}

int64_t whole_number(const MessageStream::Json& message, const char* key, int64_t least,
                     int64_t greatest) {
  const auto& value = message.at(key);
  SF_CHECK(value.is_number_integer(), key, ": wanted a whole number");
  const auto number = value.get<int64_t>();
  SF_CHECK(number >= least && number <= greatest, key, ": wanted ", least, " to ", greatest,
           ", found ", number);
  return number;
}

std::string to_hex(const std::string& bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string digits;
  for (const char byte : bytes) {
    digits += kDigits[uint8_t(byte) >> 4];
    digits += kDigits[uint8_t(byte) & 15];
  }
  return digits;
}

std::string from_hex(const std::string& digits) {
  const auto value = [](char digit) {
    if (digit >= '0' && digit <= '9') return digit - '0';
    SF_CHECK(digit >= 'a' && digit <= 'f', "wanted hexadecimal digits");
    return digit - 'a' + 10;
  };
  SF_CHECK(digits.size() % 2 == 0, "wanted an even number of hexadecimal digits");
  std::string bytes;
  for (size_t i = 0; i < digits.size(); i += 2)
    bytes += char(value(digits[i]) << 4 | value(digits[i + 1]));
  return bytes;
}

}  // namespace sf
