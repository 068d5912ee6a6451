#include "fold/moment.hpp"

#include <algorithm>
#include <iterator>

namespace eventfold {

namespace {

constexpr std::string_view kOfDate[] = {"year", "iso_year", "quarter",  "month",
                                        "week", "day",      "week_day", "iso_week_day"};
constexpr std::string_view kOfTime[] = {"hour", "minute", "second"};

bool is_digit(char letter) { return letter >= '0' && letter <= '9'; }

// Digits at a place, no less than `least`; false for anything else.
bool take(std::string_view text, std::size_t at, std::size_t width, int least, int most, int& number) {
  if (at + width > text.size()) return false;
  number = 0;
  for (std::size_t index = at; index < at + width; ++index) {
    if (!is_digit(text[index])) return false;
    number = number * 10 + (text[index] - '0');
  }
  return number >= least && number <= most;
}

bool is_at(std::string_view text, std::size_t at, char letter) { return at < text.size() && text[at] == letter; }

bool take_date(std::string_view text, Moment& moment) {
  return take(text, 0, 4, 0, 9999, moment.year) && is_at(text, 4, '-') && take(text, 5, 2, 1, 12, moment.month) &&
         is_at(text, 7, '-') && take(text, 8, 2, 1, 31, moment.day);
}

// All of the text.
bool take_time(std::string_view text, Moment& moment) {
  if (!take(text, 0, 2, 0, 23, moment.hour) || !is_at(text, 2, ':') || !take(text, 3, 2, 0, 59, moment.minute) ||
      !is_at(text, 5, ':') || !take(text, 6, 2, 0, 59, moment.second)) {
    return false;
  }
  if (text.size() == 8) return true;
  if (text[8] != '.' || text.size() == 9) return false;
  int unit = 100'000;
  for (std::size_t index = 9; index < text.size(); ++index, unit /= 10) {
    if (!is_digit(text[index])) return false;
    moment.microsecond += (text[index] - '0') * unit;
  }
  return true;
}

// Howard Hinnant's algorithm.
std::int64_t days_from_civil(int year, int month, int day) {
  const std::int64_t shifted = year - (month <= 2);
  const std::int64_t era = (shifted >= 0 ? shifted : shifted - 399) / 400;
  const std::int64_t year_of_era = shifted - era * 400;
  const std::int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

// 1 on Mondays, 7 on Sundays.
std::int64_t iso_week_day(std::int64_t days) { return (days % 7 + 7 + 3) % 7 + 1; }

template <class Names>
bool is_one_of(const Names& names, std::string_view name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

}  // namespace

bool is_part_of_date(std::string_view part) { return is_one_of(kOfDate, part); }
bool is_part_of_time(std::string_view part) { return is_one_of(kOfTime, part); }
bool is_part(std::string_view part) { return is_part_of_date(part) || is_part_of_time(part); }

std::optional<Moment> Moment::read(std::string_view text) {
  Moment moment;
  if (text.ends_with('Z')) text.remove_suffix(1);
  if (is_at(text, 2, ':')) {
    if (!take_time(text, moment)) return std::nullopt;
    moment.has_time = true;
    return moment;
  }
  if (!take_date(text, moment)) return std::nullopt;
  moment.has_date = true;
  if (text.size() == 10) return moment;
  if ((text[10] != ' ' && text[10] != 'T') || !take_time(text.substr(11), moment)) return std::nullopt;
  moment.has_time = true;
  return moment;
}

std::int64_t Moment::days() const { return days_from_civil(year, month, day); }

std::int64_t Moment::microseconds() const {
  return (((days() * 24 + hour) * 60 + minute) * 60 + second) * 1'000'000 + microsecond;
}

std::optional<std::int64_t> Moment::part(std::string_view name) const {
  if (is_part_of_time(name)) {
    if (!has_time) return std::nullopt;
    return name == "hour" ? hour : name == "minute" ? minute : second;
  }
  if (!has_date || !is_part_of_date(name)) return std::nullopt;
  if (name == "year") return year;
  if (name == "quarter") return (month + 2) / 3;
  if (name == "month") return month;
  if (name == "day") return day;
  const std::int64_t week_day = iso_week_day(days());
  if (name == "iso_week_day") return week_day;
  if (name == "week_day") return week_day % 7 + 1;
  // a week is that of its Thursday
  const std::int64_t thursday = days() - week_day + 4;
  std::int64_t iso_year = year;
  if (thursday < days_from_civil(year, 1, 1)) --iso_year;
  if (thursday >= days_from_civil(year + 1, 1, 1)) ++iso_year;
  if (name == "iso_year") return iso_year;
  return (thursday - days_from_civil(static_cast<int>(iso_year), 1, 1)) / 7 + 1;
}

}  // namespace eventfold
