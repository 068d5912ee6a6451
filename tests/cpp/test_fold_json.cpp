// How a fold reads JSON: the tokens, and what of an event's data is taken, skipped or refused.
#include <catch2/catch.hpp>

#include "base/json_walk.hpp"
#include "eventfold/error.hpp"
#include "fold/decode.hpp"

using namespace eventfold;

namespace {

// The type of a value and what it is, e.g. "text:abc"; "none" where it is no value; "rest" where some is left.
std::string token(std::string_view text) {
  const char* at = text.data();
  const char* const end = at + text.size();
  if (!text.empty() && text[0] == '"') {
    JsonString string;
    if (!take_string(at, end, string)) return "none";
    std::string plain(string.raw);
    if (string.escaped && !unescape(string.raw, plain)) return "none";
    return at == end ? "text:" + plain : "rest";
  }
  CellView value;
  if (!take_unquoted(at, end, value)) return "none";
  if (at != end) return "rest";
  switch (value.type) {
    case CellType::null:
      return "null";
    case CellType::integer:
      return "integer:" + std::to_string(value.integer);
    case CellType::real:
      return "real:" + std::to_string(value.real);
    case CellType::boolean:
      return value.integer ? "true" : "false";
    case CellType::number:
      return "number:" + std::string(value.view());
    case CellType::json:
      return "json:" + std::string(value.view());
    default:
      return "?";
  }
}

struct Reader {
  ProjectionSpec spec = ProjectionSpec::from_json(R"({
    "name": "x", "table": "x", "key": [{"column": "k", "field": "k", "kind": "any"}], "columns": [],
    "delete_on": ["E"], "handlers": [],
    "events": {"E": {"k": {"kind": "any", "keys": ["k", "old_k", "oldest_k"], "default": "none"},
                     "v": {"kind": "text", "keys": ["v"]}}}})");
  Decoder decoder{spec.events[0]};

  std::string read(std::string_view data) {
    CellView fields[2];
    decoder.decode(data, fields);
    std::string text;
    for (const CellView& field : fields) {
      text += field.has_bytes()              ? std::string(field.view())
              : field.type == CellType::null ? "null"
                                             : std::to_string(field.integer);
      text += "|";
    }
    return text;
  }
};

}  // namespace

TEST_CASE("numbers are read as JSON has them, and nothing else is a number", "[fold][json]") {
  CHECK(token("0") == "integer:0");
  CHECK(token("-0") == "integer:0");
  CHECK(token("999999999999999999") == "integer:999999999999999999");
  CHECK(token("9223372036854775807") == "integer:9223372036854775807");
  CHECK(token("-9223372036854775808") == "integer:-9223372036854775808");
  CHECK(token("9223372036854775808") == "number:9223372036854775808");
  CHECK(token("-100000000000000000000000") == "number:-100000000000000000000000");
  CHECK(token("1.5") == "real:1.500000");
  CHECK(token("-1e2") == "real:-100.000000");
  CHECK(token("1E+2") == "real:100.000000");
  CHECK(token("1e-400") == "real:0.000000");
  for (const char* wrong : {"", "-", "+1", "01", "-01", ".5", "1.", "1.e2", "1e", "1e+", "nan", "inf", "-inf", "0x10",
                            "NaN", "tru", "nul"}) {
    INFO(wrong);
    CHECK((token(wrong) == "none" || token(wrong) == "rest"));
  }
}

TEST_CASE("strings of any length end at their quote", "[fold][json]") {
  for (std::size_t size = 0; size < 40; ++size) {
    const std::string plain(size, 'x');
    CHECK(token('"' + plain + '"') == "text:" + plain);
    CHECK(token('"' + plain + "\\n\"") == "text:" + plain + "\n");
    CHECK(token('"' + plain + "\\\\\"") == "text:" + plain + "\\");
    CHECK(token('"' + plain + "é\"") == "text:" + plain + "é");
    CHECK(token('"' + plain) == "none");
    CHECK(token('"' + plain + '\\') == "none");
    CHECK(token('"' + plain + "\\\"") == "none");
    CHECK(token('"' + plain + '\x1f' + "\"") == "none");
    CHECK(token('"' + plain + "\" ") == "rest");
  }
}

TEST_CASE("escapes say what JSON says they do", "[fold][json]") {
  CHECK(token(R"("\"\\\/\b\f\n\r\t")") == "text:\"\\/\b\f\n\r\t");
  CHECK(token(R"("\u0041\u00e9\u20ac\ud83d\ude00")") == "text:Aé€😀");
  CHECK(token(R"("\u0000")") == std::string("text:\0", 6));
  for (const char* wrong : {R"("\x")", R"("\u12")", R"("\u12g4")", R"("\u-123")", R"("\ud83d")", R"("\ud83dx")",
                            R"("\ud83d\u0041")", R"("\ude00")"}) {
    INFO(wrong);
    CHECK(token(wrong) == "none");
  }
}

TEST_CASE("lists and objects are taken whole, and must be well formed", "[fold][json]") {
  for (const char* right : {"[]", "{}", "[1,\"]\",[{\"a\":{}}]]", R"({"a":1,"b":"}\"","c":null})", R"(["\\"])"}) {
    CHECK(token(right) == std::string("json:") + right);
  }
  for (const char* wrong : {"[", "{", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}",
                            "{a:1}", "[1}", "{\"a\":1]", "[\"]"}) {
    INFO(wrong);
    CHECK(token(wrong) == "none");
  }
  const std::string deep(2000, '[');
  CHECK(token(deep + std::string(2000, ']')) == "none");
}

TEST_CASE("keys are found in any order, however often it changes", "[fold][json]") {
  Reader reader;
  for (int round = 0; round < 3; ++round) {
    CHECK(reader.read(R"({"k":1,"v":"a"})") == "1|a|");
    CHECK(reader.read(R"({"v":"a","k":1})") == "1|a|");
    CHECK(reader.read(R"({"x":[1,{"k":5}],"k":1,"long-key":"\"k\":7","v":"a","z":null})") == "1|a|");
    CHECK(reader.read(R"({"v":"b"})") == "none|b|");
    CHECK(reader.read(R"({})") == "none|null|");
    CHECK(reader.read(R"({ "k" : 2 , "v":"c" })") == "2|c|");
    CHECK(reader.read("\n{\"k\":\t3}\n") == "3|null|");
    CHECK(reader.read(R"({"\u006b":4})") == "4|null|");
  }
}

TEST_CASE("more keys than are worth remembering are read all the same", "[fold][json]") {
  Reader reader;
  for (int index = 0; index < 300; ++index) {
    const std::string name = "\"key" + std::to_string(index) + "\":" + std::to_string(index);
    CHECK(reader.read("{" + name + ",\"k\":" + std::to_string(index) + "}") == std::to_string(index) + "|null|");
  }
}

TEST_CASE("the present name of a field goes before its former ones", "[fold][json]") {
  Reader reader;
  CHECK(reader.read(R"({"old_k":1})") == "1|null|");
  CHECK(reader.read(R"({"oldest_k":2,"old_k":1})") == "1|null|");
  CHECK(reader.read(R"({"old_k":1,"oldest_k":2})") == "1|null|");
  CHECK(reader.read(R"({"old_k":1,"k":3,"oldest_k":2})") == "3|null|");
  CHECK(reader.read(R"({"k":null,"old_k":1})") == "null|null|");
}

TEST_CASE("what is not well formed is corrupt", "[fold][json]") {
  for (const char* data : {"",
                           " ",
                           "null",
                           "[]",
                           "1",
                           "{",
                           "}",
                           "{}}",
                           "{\"k\"}",
                           "{\"k\":}",
                           "{\"k\":1,}",
                           "{,\"k\":1}",
                           "{\"k\":1 \"v\":\"a\"}",
                           "{\"k\":01}",
                           "{\"k\":1}x",
                           "{\"k\":nan}",
                           "{\"v\":\"\xff\"}",
                           "{\"v\":\"\xed\xa0\x80\"}",
                           "{\"v\":\"a}",
                           "{\"v\":\"\\q\"}",
                           "{\"z\":tru,\"k\":1}",
                           "{\"z\":[1}"}) {
    Reader reader;
    INFO(data);
    reader.read(R"({"k":1,"v":"a"})");
    CHECK_THROWS_AS(reader.read(data), CorruptLog);
    CHECK(reader.read(R"({"k":1,"v":"a"})") == "1|a|");
  }
}
