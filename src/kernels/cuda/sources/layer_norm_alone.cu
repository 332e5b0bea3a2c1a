// In front of layer_norm.cu where there is no sum.
const T *const other = x, *const carried = x;
T* const sum = y;
constexpr bool carries = false;
