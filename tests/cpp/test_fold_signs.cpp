#include <catch2/catch.hpp>

#include "eventfold/error.hpp"
#include "eventfold/projection.hpp"

using namespace eventfold;

namespace {

std::shared_ptr<const ProjectionSpec> balance_of(const std::string& kind, const std::string& from,
                                                 const std::string& op = "sum") {
  const std::string amount = R"({"k": {"kind": "integer", "keys": ["k"]}, "amount": {"kind": ")" + kind +
                             R"(", "keys": ["amount"], "places": 2}})";
  return std::make_shared<const ProjectionSpec>(ProjectionSpec::from_json(
      R"({"name": "Account", "table": "account", "key": [{"column": "k", "field": "k", "kind": "integer"}],
          "columns": [{"column": "balance", "kind": ")" +
      kind + R"(", "places": 2, "op": ")" + op + R"(", "from": )" + from + R"(, "cleared_by": [], "initial": 0}],
          "delete_on": [], "handlers": [], "events": {"Paid": )" +
      amount + R"(, "Refunded": )" + amount + "}}"));
}

constexpr const char* kBalance = R"([["Paid", "amount"], ["Refunded", "amount", {"sign": -1}]])";

CellView balance(const std::shared_ptr<const ProjectionSpec>& spec, std::initializer_list<const char*> amounts) {
  Fold fold(spec);
  Position position = 0;
  for (const char* amount : amounts) {
    const std::string type = *amount == '>' ? "Refunded" : "Paid";
    const std::string data = std::string("{\"k\":1,\"amount\":") + (amount + (*amount == '>')) + "}";
    fold.apply(type, {++position, 0, type, data});
  }
  return fold.column(0, 0);
}

}  // namespace

TEST_CASE("what one event type says is taken away from what the other says", "[fold][signs]") {
  CHECK(balance(balance_of("integer", kBalance), {"10", ">3", "null", ">null"}) == CellView(std::int64_t{7}));
  CHECK(balance(balance_of("decimal", kBalance), {"\"0.30\"", ">\"0.10\""}) == CellView(0.2));
  CHECK(balance(balance_of("real", kBalance), {"0.5", ">2"}) == CellView(-1.5));
  CHECK(balance(balance_of("any", kBalance), {"5", ">true"}) == CellView(std::int64_t{4}));
}

TEST_CASE("a constant is added whatever the event says", "[fold][signs]") {
  const char* const lent = R"([["Paid", null, {"constant": 1}], ["Refunded", null, {"constant": -1}]])";
  CHECK(balance(balance_of("integer", lent), {"10", "10", ">3", "null"}) == CellView(std::int64_t{2}));
  CHECK(balance(balance_of("real", lent), {"10", "10"}) == CellView(2.0));
  CHECK(balance(balance_of("decimal", lent), {"\"1.50\"", "null"}) == CellView(std::int64_t{2}));
}

TEST_CASE("the negative of the least integer is beyond 64 bits", "[fold][signs]") {
  CHECK_THROWS_AS(balance(balance_of("integer", kBalance), {">-9223372036854775808"}), ProjectionError);
  CHECK(balance(balance_of("integer", kBalance), {">-9223372036854775807"}) == CellView(INT64_MAX));
}

TEST_CASE("only a sum has signs and constants, and they are whole numbers", "[fold][signs]") {
  CHECK_THROWS_AS(balance_of("integer", R"([["Paid", "amount", {"sign": 2}]])"), ProjectionError);
  CHECK_THROWS_AS(balance_of("integer", R"([["Paid", null, {"constant": 1.5}]])"), ProjectionError);
  CHECK_THROWS_AS(balance_of("integer", R"([["Paid", "amount", {"constant": 1}]])"), ProjectionError);
  CHECK_THROWS_AS(balance_of("integer", R"([["Paid", "amount", {"sign": -1}]])", "latest"), ProjectionError);
  CHECK_THROWS_AS(balance_of("integer", R"([["Paid", null]])"), ProjectionError);
}
