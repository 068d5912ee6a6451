#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "eventfold/connection.hpp"
#include "eventfold/error.hpp"
#include "eventfold/json.hpp"

using namespace eventfold;

namespace {
std::string quoted(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}
std::string written(double number) {
  std::string out;
  append_json_double(out, number);
  return out;
}
}  // namespace

TEST_CASE("a string is escaped only where JSON demands it", "[json]") {
  CHECK(quoted("plain") == "\"plain\"");
  CHECK(quoted("a\"b\\c\n\x01") == R"("a\"b\\c\n\u0001")");
  CHECK(quoted("žluťoučký 🐎") == "\"žluťoučký 🐎\"");
}

TEST_CASE("invalid UTF-8 and NUL are refused", "[json]") {
  CHECK_THROWS_AS(quoted("\xED\xA0\x80"), InvalidEvent);
  CHECK_THROWS_AS(quoted(std::string_view("a\0b", 3)), InvalidEvent);
}

TEST_CASE("a double is written short, and never as an integer", "[json]") {
  CHECK(written(1.5) == "1.5");
  CHECK(written(3) == "3.0");
  CHECK(written(-0.0) == "-0.0");
  CHECK(written(1e300).find('e') != std::string::npos);
  CHECK_THROWS_AS(written(std::nan("")), InvalidEvent);
  CHECK_THROWS_AS(written(INFINITY), InvalidEvent);
}

TEST_CASE("SQLite reads every double back to the last bit", "[json]") {
  auto connection = open_sqlite(":memory:");
  auto& statement = connection->prepare("SELECT json_extract(?, '$[0]')");
  std::mt19937_64 random(20);
  const auto check = [&](double number) {
    const std::string text = "[" + written(number) + "]";
    ResetGuard guard(statement);
    statement.bind({std::string_view(text)});
    REQUIRE(statement.step());
    const Value value = statement.column(0);
    INFO(text);
    REQUIRE(value.type == ValueType::real);
    REQUIRE(std::memcmp(&value.real, &number, sizeof number) == 0);
    REQUIRE(std::strtod(text.c_str() + 1, nullptr) == number);
  };
  for (int round = 0; round < 200'000; ++round) {
    const std::uint64_t bits = random();
    double number = 0;
    std::memcpy(&number, &bits, sizeof number);
    if (std::isfinite(number)) check(number);
    check(static_cast<double>(static_cast<std::int64_t>(bits) % 1'000'000'007) / 1000.0);
    check(static_cast<double>(bits >> 40) * 0.1);
  }
  for (double number :
       {0.1, 0.30000000000000004, 5e-324, 1.7976931348623157e308, 2.2250738585072014e-308, 1e22, 1e23}) {
    check(number);
  }
}
