// SPDX-License-Identifier: Apache-2.0

package exchange

// Logic is the version of the way in which leads are decided, as it stands in the ping's event. Whoever changes that
// so that the same inputs come to something else, by design, raises it by one: what an earlier version decided is then
// told as a difference of versions, and not as a defect. An event without a version is of a binary that did not write
// down all that it decided by.
const Logic = 2
