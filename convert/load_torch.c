/* load_torch.c - which form of torch.save, or none, a span of bytes has */
#include "convert/load.h"

#include <string.h>

#include "base/text.h"

enum { HEAD_SIZE = 32 };

/* How a pickle of torch's magic number begins, by protocol. */
static const struct magic {
	const char *bytes;
	size_t len;
} stream_magics[] = {
	{ "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19\x2e", 15 },
	{ "\x80\x03\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19\x2e", 15 },
	{ "\x80\x04\x95\x0d\0\0\0\0\0\0\0"
	  "\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19\x2e", 24 },
	{ "\x80\x05\x95\x0d\0\0\0\0\0\0\0"
	  "\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19\x2e", 24 },
	{ "L119547037146038801333356L\n", 27 },
};

static bool refuse(struct error *err, const char *what)
{
	return error_set(err, ERROR_UNSUPPORTED, 0, "%s", what);
}

static bool is_stream(const uint8_t *head, size_t len)
{
	for (size_t i = 0; i < sizeof(stream_magics) / sizeof(*stream_magics);
	     i++)
		if (len >= stream_magics[i].len &&
		    memcmp(head, stream_magics[i].bytes,
			   stream_magics[i].len) == 0)
			return true;
	return false;
}

/* A tar archive's first header has "ustar" at 257; torch 0.1 wrote tar. */
static bool refuse_tar(const struct reader *bytes, struct error *err)
{
	char magic[5];

	if (bytes->size < 512)
		return true;
	if (!reader_read(bytes, 257, magic, sizeof(magic), err))
		return false;
	return memcmp(magic, "ustar", sizeof(magic)) != 0 ||
	       refuse(err, "a tar archive, as torch 0.1 wrote them: load it "
		      "with torch and save it again");
}

static bool is_text(const uint8_t *head, size_t len)
{
	return text_utf8_span((const char *)head, len) + 3 >= len &&
	       !memchr(head, 0, len);
}

/* Say what a file that is no checkpoint looks like; NULL: try the pickle. */
static const char *other_format(const uint8_t *head, size_t len)
{
	if (len == 0)
		return "the file is empty";
	if (len >= 8 && memcmp(head, "PYTORCH1", 8) == 0)
		return "an archive of a preview of torch 1.0; torch itself "
		       "does not read it";
	if (len > 8 && head[8] == '{')
		return "looks like a bare safetensors file, which is no legacy "
		       "checkpoint";
	if (head[0] == 0x80)
		return NULL;
	/* Protocols 0 and 1: the opcodes that such a pickle can begin with. */
	if (strchr("(c}]", head[0]) && head[0])
		return NULL;
	if (is_text(head, len))
		return "looks like text, not like a checkpoint";
	return "none of the forms a checkpoint has had";
}

bool load_torch_zip(struct checkpoint *c, const struct reader *bytes,
		    struct scratch *scratch, struct error *err)
{
	if (load_is_torch_archive(&c->archive))
		return load_torch_archive(c, bytes, scratch, err);
	if (load_is_package(&c->archive))
		return error_set(err, ERROR_UNSUPPORTED, ERROR_NO_OFFSET,
				 "a torch.package archive without "
				 "policy/model.pkl or policy_record/data.pkl");
	return error_set(err, ERROR_UNSUPPORTED, ERROR_NO_OFFSET,
			 "a zip archive without weights.safetensors, policy.pt "
			 "or <root>/data.pkl");
}

bool load_torch(struct checkpoint *c, const struct reader *bytes,
		struct scratch *scratch, struct error *err)
{
	uint8_t head[HEAD_SIZE];
	size_t len = bytes->size < HEAD_SIZE ? (size_t)bytes->size : HEAD_SIZE;
	const char *other;

	if (!reader_read(bytes, 0, head, len, err))
		return false;
	if (len >= 4 && zip_is_magic(head))
		return zip_read_directory(&c->archive, bytes, err) &&
		       load_torch_zip(c, bytes, scratch, err);
	if (is_stream(head, len))
		return load_torch_stream(c, bytes, scratch, err);
	if (!refuse_tar(bytes, err))
		return false;
	other = other_format(head, len);
	if (other)
		return refuse(err, other);
	return load_pickle(c, bytes, scratch, err);
}
