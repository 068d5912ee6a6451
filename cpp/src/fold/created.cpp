#include "fold/created.hpp"

#include <ctime>

namespace eventfold {

// Days to civil date after Howard Hinnant's algorithm.
void format_created(std::string& out, std::int64_t us, bool local) {
  std::int64_t seconds = us / 1'000'000;
  std::int64_t fraction = us % 1'000'000;
  if (fraction < 0) {
    fraction += 1'000'000;
    --seconds;
  }
  if (local) {
    const std::time_t moment = seconds;
    std::tm parts{};
    if (localtime_r(&moment, &parts) != nullptr) seconds += parts.tm_gmtoff;
  }
  std::int64_t days = seconds / 86400;
  std::int64_t second = seconds % 86400;
  if (second < 0) {
    second += 86400;
    --days;
  }
  const std::int64_t z = days + 719468;
  const std::int64_t era = (z >= 0 ? z : z - 146096) / 146097;
  const std::int64_t day_of_era = z - era * 146097;
  const std::int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const std::int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::int64_t month_index = (5 * day_of_year + 2) / 153;
  const std::int64_t day = day_of_year - (153 * month_index + 2) / 5 + 1;
  const std::int64_t month = month_index < 10 ? month_index + 3 : month_index - 9;
  const std::int64_t year = year_of_era + era * 400 + (month <= 2);
  const auto append = [&out](std::int64_t number, int width) {
    char digits[8];
    for (int at = width - 1; at >= 0; --at, number /= 10) digits[at] = static_cast<char>('0' + number % 10);
    out.append(digits, static_cast<std::size_t>(width));
  };
  out.clear();
  append(year, 4);
  out += '-';
  append(month, 2);
  out += '-';
  append(day, 2);
  out += ' ';
  append(second / 3600, 2);
  out += ':';
  append(second / 60 % 60, 2);
  out += ':';
  append(second % 60, 2);
  if (fraction != 0) {
    out += '.';
    append(fraction, 6);
  }
}

}  // namespace eventfold
