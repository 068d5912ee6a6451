// Dates and times, which an event has as texts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace eventfold {

// A part of a moment, by the name that Django has for it; week_day is 1 on Sundays, iso_week_day 1 on Mondays.
bool is_part(std::string_view part);
// Whether a date has it, and whether a time of day has it.
bool is_part_of_date(std::string_view part);
bool is_part_of_time(std::string_view part);

// YYYY-MM-DD, HH:MM:SS[.f...], or both with a T or a space between and perhaps a Z behind. Days are those since
// 1970-01-01.
struct Moment {
  int year = 1970;
  int month = 1;
  int day = 1;
  int hour = 0;
  int minute = 0;
  int second = 0;
  int microsecond = 0;
  bool has_date = false;
  bool has_time = false;

  static std::optional<Moment> read(std::string_view text);
  std::int64_t days() const;
  std::int64_t microseconds() const;  // since 1970
  // Null where it has no such part.
  std::optional<std::int64_t> part(std::string_view name) const;
};

}  // namespace eventfold
