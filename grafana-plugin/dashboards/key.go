package dashboards

func key() Dashboard {
	return kmsDashboard(keyUID, "KMS key", "", "now-7d", accountAndRegion(), nil, nil)
}
