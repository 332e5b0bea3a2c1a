#include "attention/looks.h"

#include "attention/maps.h"

namespace corepulse::attention {

void tell_looks(const control::Site& site, const mx::array& q, control::Role role, CallKeys& keys, const Pass& pass) {
  const control::Reading own{.sources = {{control::Source::Kind::own, 0}}};
  for (int r = 0; r < q.shape(0); ++r) {
    const auto& row = pass.step.rows[static_cast<size_t>(r)];
    if (row.role != role) continue;
    const auto map = map_of({row_of(q, r), keys.of(own, r), {}, 1, site.heads});  // [1, H, N, N]
    pass.instruments.looks->tell(site, row, mx::reshape(mx::sum(mx::mean(map, 1), 1), {-1}));
  }
}

}  // namespace corepulse::attention
