/* puffer.c - three keys and one text */
#include "convert/puffer.h"

#include <string.h>

const char puffer_architecture[] =
	"metta.agent.policies.puffer.PufferPolicyConfig("
	"action_probs_config={'class_path': "
	"'metta.agent.components.actor.ActionProbsConfig', "
	"'in_key': 'logits', 'name': 'action_probs'}, components=[])";

static bool has_key(const struct state_dict *weights, const char *key)
{
	for (size_t i = 0; i < weights->count; i++)
		if (weights->tensors[i].key_len == strlen(key) &&
		    memcmp(weights->tensors[i].key, key, strlen(key)) == 0)
			return true;
	return false;
}

bool puffer_recognised(const struct state_dict *weights)
{
	return has_key(weights, "policy.conv1.weight") &&
	       has_key(weights, "lstm.weight_ih_l0") &&
	       has_key(weights, "policy.actor.0.weight");
}
