// Numbers as SQLite's files have them.
#pragma once

#include <cstdint>

namespace eventfold {

inline std::uint32_t big_endian_16(const unsigned char* at) { return std::uint32_t{at[0]} << 8 | at[1]; }
inline std::uint32_t big_endian_32(const unsigned char* at) { return big_endian_16(at) << 16 | big_endian_16(at + 2); }

}  // namespace eventfold
