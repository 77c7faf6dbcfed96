// SPDX-License-Identifier: Apache-2.0
// Feature and status bits of the VIRTIO specification that every device shares.

#pragma once

#include <cstdint>

namespace stratos::virtio {

constexpr uint64_t feature_bit(unsigned number) { return uint64_t{1} << number; }

// Ring features; a transport offers them.
inline constexpr uint64_t kFeatureIndirectDesc = feature_bit(28);
inline constexpr uint64_t kFeatureEventIdx = feature_bit(29);
inline constexpr uint64_t kFeatureRingPacked = feature_bit(34);

// Features of every Stratos link.
inline constexpr uint64_t kFeatureVersion1 = feature_bit(32);
inline constexpr uint64_t kFeatureAccessPlatform = feature_bit(33);
inline constexpr uint64_t kFeatureOrderPlatform = feature_bit(36);

// Device status
inline constexpr uint32_t kStatusAcknowledge = 0x01;
inline constexpr uint32_t kStatusDriver = 0x02;
inline constexpr uint32_t kStatusDriverOk = 0x04;
inline constexpr uint32_t kStatusFeaturesOk = 0x08;
inline constexpr uint32_t kStatusNeedsReset = 0x40;
inline constexpr uint32_t kStatusFailed = 0x80;

}  // namespace stratos::virtio
