"""Fills moto with two accounts, and prints what it made, as JSON."""

import json
import os

import boto3

ENDPOINT = os.environ["ENDPOINT"]
OTHER = "444455556666"
REGIONS = ("eu-central-1", "eu-west-1")


def session(key="AKIAEXAMPLE", secret="x", token=None):
    return boto3.session.Session(key, secret, token, region_name=REGIONS[0])


def enter(account):
    role = f"arn:aws:iam::{account}:role/kmstrail-inventory"
    c = client(session(), "sts").assume_role(RoleArn=role, RoleSessionName="seed")["Credentials"]
    return session(c["AccessKeyId"], c["SecretAccessKey"], c["SessionToken"])


def client(s, service, region=REGIONS[0]):
    return s.client(service, region_name=region, endpoint_url=ENDPOINT)


def make_keys(s, name, region):
    kms = client(s, "kms", region)
    for i in range(3):
        key = kms.create_key(
            Description=f"=1+{i} <b>{name}</b>",
            Tags=[{"TagKey": "Team", "TagValue": name}, {"TagKey": "Number", "TagValue": str(i)}],
        )["KeyMetadata"]
        arn, key_id = key["Arn"], key["KeyId"]
        want = {"state": "Enabled", "aliases": [f"alias/{name}-{i}"], "tags": {"Team": name, "Number": str(i)}}
        want.update(rotation=False, grants=0, spec="SYMMETRIC_DEFAULT", description=f"=1+{i} <b>{name}</b>")
        kms.create_alias(AliasName=want["aliases"][0], TargetKeyId=key_id)
        if i == 0:
            kms.enable_key_rotation(KeyId=key_id)
            want.update(rotation=True)
        if i == 1:
            for app in ("a", "b"):
                kms.create_grant(KeyId=key_id, GranteePrincipal=f"arn:aws:iam::{OTHER}:role/{app}", Operations=["Decrypt"])
            kms.disable_key(KeyId=key_id)
            want.update(state="Disabled", grants=2)
        if i == 2:
            kms.schedule_key_deletion(KeyId=key_id, PendingWindowInDays=7)
            want.update(state="PendingDeletion")
        yield arn, want
    arn = kms.create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    yield arn, {
        "state": "Enabled", "aliases": [], "tags": {}, "rotation": None, "grants": 0, "spec": "RSA_2048", "description": "",
    }


def main():
    keys = {}
    for s, name in ((session(), "main"), (enter(OTHER), "other")):
        for region in REGIONS:
            keys.update(make_keys(s, name, region))

    iam = client(session(), "iam")
    iam.create_role(RoleName="app", AssumeRolePolicyDocument="{}", Tags=[{"Key": "Team", "Value": "payments"}])
    s3 = client(session(), "s3")
    s3.create_bucket(Bucket="example-data", CreateBucketConfiguration={"LocationConstraint": REGIONS[0]})
    s3.put_bucket_tagging(Bucket="example-data", Tagging={"TagSet": [{"Key": "DataClass", "Value": "confidential"}]})

    org = client(session(), "organizations")
    org.create_organization(FeatureSet="ALL")
    root = org.list_roots()["Roots"][0]["Id"]
    outer = org.create_organizational_unit(ParentId=root, Name="Workloads")["OrganizationalUnit"]["Id"]
    inner = org.create_organizational_unit(ParentId=outer, Name="Prod")["OrganizationalUnit"]["Id"]
    lake = org.create_account(AccountName="lake", Email="lake@example.com")["CreateAccountStatus"]["AccountId"]
    org.move_account(AccountId=lake, SourceParentId=root, DestinationParentId=inner)
    print(json.dumps({"keys": keys, "lake": lake}))


main()
