/*
 * sanitizers.c - how the programs behave under AddressSanitizer
 *
 * Linked into the sanitized builds only.  Options from the environment would
 * not reach mpt-unpickler, which gets none.  Weak, because some unit tests want
 * options of their own.
 */
const char *__asan_default_options(void);

/* Memory that cannot be had is an ordinary fault here, and is tested. */
__attribute__((weak, visibility("default")))
const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1:detect_stack_use_after_return=1";
}
