/* The generated header is C++ as well. */
#include "liger_rms_norm.h"

int main()
{
    lgr_rms_norm_forward_args args;
    lgr_context *ctx = nullptr;
    if (lgr_context_create(nullptr, &ctx) != LGR_OK)
        return 1;
    bool ok = lgr_rms_norm_forward_init(ctx, &args) == LGR_ERROR_NO_KERNEL && args.casting == LGR_RMS_NORM_CASTING_LLAMA;
    lgr_context_destroy(ctx);
    return ok ? 0 : 1;
}
