#include "fold/bucket.hpp"

namespace eventfold {

namespace {

bool digits(std::string_view text, std::size_t at, std::size_t count) {
  return text.size() >= at + count && text.substr(at, count).find_first_not_of("0123456789") == std::string_view::npos;
}

bool begins_with_date(std::string_view text) {
  return digits(text, 0, 4) && digits(text, 5, 2) && digits(text, 8, 2) && text[4] == '-' && text[7] == '-';
}

}  // namespace

bool begin_of(Bucket bucket, Kind kind, std::string_view moment, std::string& out) {
  constexpr std::string_view kFirst = "0000-01-01";
  if (!begins_with_date(moment)) return false;
  const std::size_t kept = bucket == Bucket::year ? 4 : bucket == Bucket::month ? 7 : 10;
  out.assign(moment.substr(0, kept)).append(kFirst.substr(kept));
  if (bucket == Bucket::hour) {
    if (!digits(moment, 11, 2) || (moment[10] != 'T' && moment[10] != ' ')) return false;
    out.append(" ").append(moment.substr(11, 2)).append(":00:00");
  } else if (kind == Kind::datetime) {
    out.append(" 00:00:00");
  }
  return true;
}

}  // namespace eventfold
